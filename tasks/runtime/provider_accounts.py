"""Accounts at providers: their keys and fields, as the settings give them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from manifests.errors import SettingsError
from models.hosted_card import HostedCard


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """The account of one provider.

    Attributes:
        provider: name, as in the cards: the key of ``runway`` is REELMILL_PROVIDER_RUNWAY_KEY.
        key: empty for a server that needs none.
        url: address of the API instead of the card's; empty for the card's.
        fields: further fields that are not secret, such as ``project``.
        concurrency: jobs at a time, instead of the card's number.
        per_minute: submissions in any 60 seconds, instead of the card's number.
    """

    provider: str
    key: str = field(default="", repr=False)
    url: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    concurrency: int | None = None
    per_minute: int | None = None

    def base_url(self, card: HostedCard) -> str:
        """Return the address of the API, without a slash at its end."""
        return (self.url or card.base_url).rstrip("/")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not appear in logs: the key, or the private key in it."""
        return (self.key, *private_keys(self.key)) if self.key else ()

    @property
    def values(self) -> Mapping[str, str]:
        """The fields that are not secret, by name."""
        return dict(self.fields)


def private_keys(key: str) -> Iterator[str]:
    """Yield the private key and its id in the JSON of a service account."""
    with suppress(ValueError):
        body = json.loads(key) if key.lstrip().startswith("{") else {}
        yield from (str(body[name]) for name in ("private_key", "private_key_id") if body.get(name))


def account_for(accounts: tuple[ProviderAccount, ...], card: HostedCard) -> ProviderAccount:
    """Return the account with which a card is used.

    Raises:
        SettingsError: there is none, and the card costs money; self-hosted servers may need no key.
    """
    found = next((each for each in accounts if each.provider == card.provider), None)
    if found is None and card.costs_money:
        name = f"REELMILL_PROVIDER_{card.provider.upper()}_KEY"
        raise SettingsError(f"The card {card.name} needs a key of its provider. Set {name} or {name}_FILE.")
    return found or ProviderAccount(card.provider)
