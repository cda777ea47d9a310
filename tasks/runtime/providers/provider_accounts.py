"""Accounts at providers: their keys and fields, as the settings give them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from manifests.errors import SettingsError
from models.hosted_card import HostedCard

MIN_PART = 8
"""Shorter parts of a key occur by chance in ordinary text."""


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
        per_day: submissions in any 24 hours, instead of the card's number.
        problem: why the key could not be read, one sentence; empty if it was, or if none is set.
        warning: a problem of a readable key file, one sentence; empty if there is none.
    """

    provider: str
    key: str = field(default="", repr=False)
    url: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    concurrency: int | None = None
    per_minute: int | None = None
    per_day: int | None = None
    problem: str = ""
    warning: str = ""

    def base_url(self, card: HostedCard) -> str:
        """Return the address of the API, without a slash at its end."""
        return (self.url or card.base_url).rstrip("/")

    def is_at(self, card: HostedCard, base_url: str) -> bool:
        """Return whether the key belongs to the server of ``base_url``: the one with which the account is used now."""
        return _origin(base_url) == _origin(self.base_url(card))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not appear in logs: the key and its parts."""
        return tuple(_secrets_in(self.key))

    @property
    def values(self) -> Mapping[str, str]:
        """The fields that are not secret, by name."""
        return dict(self.fields)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _secrets_in(key: str) -> Iterator[str]:
    """Yield a key, both halves of ``id:secret``, and the private key of a service account with each of its lines."""
    if not key:
        return
    yield key
    if key.startswith("{"):
        for text in private_keys(key):
            yield text
            yield from (line for line in text.splitlines() if len(line) >= MIN_PART and not line.startswith("-"))
    elif ":" in key:
        yield from (part for part in key.split(":") if len(part) >= MIN_PART)


def private_keys(key: str) -> Iterator[str]:
    """Yield the private key and its id in the JSON of a service account."""
    with suppress(ValueError):
        body = json.loads(key)
        if isinstance(body, dict):
            yield from (str(body[name]) for name in ("private_key", "private_key_id") if body.get(name))


def account_for(accounts: tuple[ProviderAccount, ...], card: HostedCard) -> ProviderAccount:
    """Return the account with which a card is used.

    Raises:
        SettingsError: its key cannot be read. Or there is no account, and the card costs money; a server without a
            price may need no key.
    """
    found = next((each for each in accounts if each.provider == card.provider), None)
    if found is not None and found.problem:
        raise SettingsError(found.problem)
    if found is None and card.costs_money:
        name = f"REELMILL_PROVIDER_{card.provider.upper()}_KEY"
        raise SettingsError(f"The card {card.name} needs an API key. Set {name} or {name}_FILE.")
    return found or ProviderAccount(card.provider)
