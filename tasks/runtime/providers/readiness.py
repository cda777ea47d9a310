"""Whether hosted models can be used now: their account has a key, and they are neither retired nor paused."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from adapters.catalogue import Catalogue
from adapters.proxies import is_loopback
from manifests.brief import Brief
from manifests.errors import ModelError
from models.hosted_card import HostedCard
from models.registry import hosted_cards
from models.sound_card import HostedSpeechCard
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.resources import Resources, cards_of, sound_cards_of


class ReadyState(StrEnum):
    """Whether a model can be used, in the words of `reelmill models`."""

    READY = "ready"
    NO_KEY = "no key"
    RETIRED = "retired"
    PAUSED = "paused"
    UNUSABLE = "unusable"
    UNKNOWN = "unknown"


class Readiness(NamedTuple):
    """Whether a model can be used.

    Attributes:
        problem: why not, and how to fix it; empty if it is ready. A server that needs no account can be used without
            one, so its problem refuses nothing.
    """

    state: ReadyState
    problem: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether a run may use it."""
        return self.state in (ReadyState.READY, ReadyState.UNKNOWN)

    @property
    def is_final(self) -> bool:
        """Whether this cannot be fixed: the model is retired."""
        return self.state == ReadyState.RETIRED


def readiness(
    card: HostedCard,
    accounts: Collection[ProviderAccount],
    pauses: Mapping[str, str] | None = None,
    today: date | None = None,
) -> Readiness:
    """Return whether a model can be used, without a request to its provider.

    Args:
        pauses: why accounts are paused, by provider.
        today: in UTC; None for the current day.
    """
    account = next((each for each in accounts if each.provider == card.provider), ProviderAccount(card.provider))
    today = today or datetime.now(UTC).date()
    checks = (
        (ReadyState.RETIRED, _retired(card, today)),
        (ReadyState.UNUSABLE, _unusable(card, account, today)),
        (ReadyState.NO_KEY, _without_key(card, account) or _without_field(card, account)),
        (ReadyState.PAUSED, _paused(card, pauses or {})),
        (ReadyState.UNKNOWN, "" if account in accounts else _without_account(card)),
    )
    return next((Readiness(state, problem) for state, problem in checks if problem), Readiness(ReadyState.READY))


def readiness_of(resources: Resources, card: HostedCard, pauses: Mapping[str, str] | None = None) -> Readiness:
    """Return whether a model can be used with the accounts of the resources."""
    return readiness(card, resources.providers, pauses)


def problems_of(
    resources: Resources, names: Iterable[str], pauses: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Readiness]]:
    """Yield the hosted models of these names that cannot be used, with the reason."""
    cards = hosted_cards(cards_of(resources))
    for name in names:
        if name in cards and not (found := readiness_of(resources, cards[name], pauses)).is_usable:
            yield name, found


def problems_in_briefs(
    resources: Resources, briefs: Iterable[Brief], default_card: str, pauses: Mapping[str, str] | None = None
) -> list[str]:
    """Return why hosted models of a sheet cannot be used, one sentence for each model."""
    names = {name for brief in briefs for name in brief.models or (default_card,)}
    return [found.problem for _, found in problems_of(resources, sorted(names), pauses)]


def refuse_unready(
    resources: Resources, names: Collection[str], pauses: Mapping[str, str] | None = None, *, has_others: bool = False
) -> list[str]:
    """Raise if a hosted model cannot be used; call this before anything is spent.

    A paused account is no error if there are other models, whose clips can be generated meanwhile.

    Args:
        has_others: whether there are other clips to generate besides those of these models.

    Returns:
        A warning for each model whose account is paused.

    Raises:
        ModelError: names the model, the reason and what to set.
    """
    found = [each for _, each in problems_of(resources, names, pauses)]
    errors = [each for each in found if each.state != ReadyState.PAUSED]
    if errors or (found and len(found) == len(set(names)) and not has_others):
        raise ModelError((errors or found)[0].problem)
    return [each.problem for each in found]


def pauses_of(catalogue: Catalogue) -> dict[str, str]:
    """Return why accounts are paused, by provider."""
    paused = (account for account in catalogue.provider_accounts.all() if account.is_paused)
    return {account.provider: account.paused_why or account.paused_cause for account in paused}


def unknown_providers(resources: Resources) -> Iterator[str]:
    """Yield a warning for each account whose provider no model card names."""
    voices = {card.provider for card in sound_cards_of(resources).values() if isinstance(card, HostedSpeechCard)}
    known = sorted(voices | {card.provider for card in hosted_cards(cards_of(resources)).values()})
    for account in resources.providers:
        if account.provider not in known:
            near = difflib.get_close_matches(account.provider, known, n=1, cutoff=0.5)
            advice = f"Did you mean {near[0]}?" if near else f"The providers are {', '.join(known) or 'none'}."
            yield (
                f"The settings contain an account of {account.provider}, but no model card uses this provider, so the "
                f"account is ignored. {advice}"
            )


def key_variable(provider: str) -> str:
    """Return the name of the variable with a provider's key."""
    return f"REELMILL_PROVIDER_{provider.upper()}_KEY"


def _retired(card: HostedCard, today: date) -> str:
    if not card.retired and not (card.retires and card.retires < today):
        return ""
    return f"{card.name} is retired: {card.unusable_on(today).rstrip('.')}."


def _unusable(card: HostedCard, account: ProviderAccount, today: date) -> str:
    if why := card.unusable_on(today):
        return f"{card.name} cannot be used: {why}"
    if account.problem:
        return f"{card.name} cannot be used: {account.problem} Fix {key_variable(card.provider)}_FILE."
    url = account.base_url(card)
    if card.plain_http or urlsplit(url).scheme == "https" or is_loopback(url):
        return ""
    return (
        f"{card.name} cannot be used: the connection to {url} is not encrypted, so others could read the key. Set "
        f"REELMILL_PROVIDER_{card.provider.upper()}_URL to an https address."
    )


def _without_key(card: HostedCard, account: ProviderAccount) -> str:
    if account.key or not card.costs_money:
        return ""
    variable = key_variable(card.provider)
    return f"{card.name} needs an API key. Set {variable}, or {variable}_FILE to a file that contains it."


def _without_account(card: HostedCard) -> str:
    """Return what a server of the operator needs; nothing is known about it without an account."""
    key = key_variable(card.provider)
    return (
        f"{card.name} expects a server at {card.base_url}. If it is at another address, set "
        f"{key.removesuffix('KEY')}URL. If it needs a key, set {key}."
    )


def _without_field(card: HostedCard, account: ProviderAccount) -> str:
    missing = next((field for field in card.account_fields if not account.values.get(field)), "")
    if not missing:
        return ""
    variable = f"REELMILL_PROVIDER_{card.provider}_{missing}".upper()
    return f"{card.name} needs the {missing} of its account. Set {variable}."


def _paused(card: HostedCard, pauses: Mapping[str, str]) -> str:
    if card.provider not in pauses:
        return ""
    why = pauses[card.provider].rstrip(".") or "no reason was recorded"
    return (
        f"{card.name} cannot be used now, because the account of {card.provider} is paused: {why}. Fix the cause, then "
        f"run `reelmill providers resume {card.provider}`."
    )
