"""Session of a command: settings, catalogue and model cards, opened on first use."""

from dataclasses import dataclass
from typing import Any

from adapters.catalogue import Catalogue
from flows.registration import settings_of
from flows.runtime.logs import prepare_logs, quiet_prefect_services
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from models.card import ModelCard
from models.registry import import_libraries
from tasks.runtime.resources import Resources, card_of, cards_of, catalogue_of


@dataclass(frozen=True, slots=True)
class Session:
    """The settings, and the resources that they configure."""

    settings: Settings
    resources: Resources

    @classmethod
    def open(cls, **overrides: Any) -> "Session":
        """Load the settings; command line options that are None are ignored."""
        settings = load_settings(**overrides)
        prepare_logs(settings)
        if settings.log_format != "json":
            quiet_prefect_services()
        return cls(settings, resources_of(settings))

    @classmethod
    def of_campaign(cls, reference: str) -> "tuple[Session, str]":
        """Open a session with the settings that a campaign was registered with; return it with the full campaign id.

        Raises:
            CatalogueError: no campaign matches the reference, or several do.
        """
        campaign_id = cls.open().catalogue.campaigns.get(reference).campaign_id
        settings = settings_of(campaign_id)
        return cls(settings, resources_of(settings)), campaign_id

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, opened on first use."""
        return catalogue_of(self.resources)

    @property
    def cards(self) -> dict[str, ModelCard]:
        """All model cards by name."""
        return cards_of(self.resources)

    def import_libraries(self) -> None:
        """Import Prefect and, unless a Ray cluster opens them, the libraries of the models; both take seconds."""
        import flows.campaign  # noqa: F401

        if self.settings.runner == "threads":
            import_libraries(card_of(self.resources, self.settings.model))

    def profile_of(self, card: str) -> str:
        """Return the profile that a run with these settings uses for a card, which may no longer exist."""
        wanted = self.settings.profile
        return self.cards[card].profile_for(wanted) if card in self.cards else wanted
