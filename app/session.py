"""Session of a command: settings, catalogue and model cards, opened on first use."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from adapters.catalogue import Catalogue
from flows.prices import prices_of
from flows.registration import settings_of
from flows.runtime.logs import prepare_logs, quiet_prefect_services
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.costs.prices import Prices
from manifests.errors import InvalidSettingError, SettingsError
from models.card import GeneratorCard, ModelCard
from models.registry import import_libraries
from tasks.runtime.device_use.settlement import folder_of, settle_dead_uses
from tasks.runtime.resources import Resources, card_of, cards_of, catalogue_of

OPTIONS = {"bucket_endpoint": "--endpoint"}
"""Options whose name is not that of their setting."""


@contextmanager
def naming_options(given: Mapping[str, Any]) -> Iterator[None]:
    """Name the option of an invalid value if it was given as an option, and not as a setting."""
    try:
        yield
    except InvalidSettingError as error:
        if given.get(error.setting) is None:
            raise
        option = OPTIONS.get(error.setting, f"--{error.setting.replace('_', '-')}")
        raise SettingsError(f"Invalid option {option}: {error.problem}.") from None


@dataclass(frozen=True, slots=True)
class Session:
    """The settings, and the resources that they configure."""

    settings: Settings
    resources: Resources

    @classmethod
    def open(cls, **overrides: Any) -> "Session":
        """Load the settings; command line options that are None are ignored.

        Raises:
            SettingsError: a setting or an option is invalid; the message names it.
        """
        with naming_options(overrides):
            settings = load_settings(**overrides)
        prepare_logs(settings)
        if settings.log_format != "json":
            quiet_prefect_services()
        return cls(settings, resources_of(settings))

    def without_invalid_cards(self) -> "Session":
        """Return a session for lists, in which an invalid card hides only itself."""
        return replace(self, resources=replace(self.resources, skips_invalid_cards=True))

    @classmethod
    def of_campaign(cls, reference: str, **overrides: Any) -> "tuple[Session, str]":
        """Open a session with the settings that a campaign was registered with; return it with the full campaign id.

        Command line options that are None are ignored.

        Raises:
            CatalogueError: no campaign matches the reference, or several do.
        """
        campaign_id = cls.open().catalogue.campaigns.get(reference).campaign_id
        given = {name: value for name, value in overrides.items() if value is not None}
        with naming_options(given):
            settings = settings_of(campaign_id, **given)
        return cls(settings, resources_of(settings)), campaign_id

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, opened on first use."""
        return catalogue_of(self.resources)

    @property
    def prices(self) -> Prices:
        """The prices of device hours."""
        return prices_of(self.settings, self.cards)

    def settle(self) -> None:
        """Book what killed processes of this machine have used, so that costs include it."""
        settle_dead_uses(self.catalogue, folder_of(self.resources.staging))

    @property
    def cards(self) -> dict[str, GeneratorCard]:
        """All model cards by name."""
        return cards_of(self.resources)

    def import_libraries(self) -> None:
        """Import Prefect and, unless a Ray cluster opens them, the libraries of the models; both take seconds."""
        import flows.campaign  # noqa: F401

        if self.settings.runner == "threads":
            card = card_of(self.resources, self.settings.model)
            if isinstance(card, ModelCard):
                import_libraries(card)
