"""Checks of accounts at providers: one for each account in use, and a summary of the others."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus

from adapters.catalogue import open_catalogue
from adapters.catalogue.views.health import check_health
from manifests.errors import CatalogueError, ReelmillError
from manifests.hosted.wire import Answer, Wire
from manifests.pluralize import count_of
from models.hosted import format_of
from models.hosted_card import HostedCard
from models.registry import get_scorer_card, hosted_cards
from tasks.doctor.check import FAIL, OK, WARN, Check, Finding
from tasks.doctor.program import missing_weights
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.providers.provider_request import send_once
from tasks.runtime.providers.readiness import (
    Readiness,
    ReadyState,
    key_variable,
    pauses_of,
    readiness,
    unknown_providers,
)
from tasks.runtime.resources import Resources, cards_of

LIMIT_S = 25.0
"""Time limit of a check, in seconds; that of its request is shorter."""
SHOWN = 4
"""Models that a line names."""
USUAL_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "adobe": ("FIREFLY_SERVICES_CLIENT_SECRET", "FIREFLY_CLIENT_SECRET"),
    "ark": ("ARK_API_KEY",),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "fal": ("FAL_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "kling": ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY"),
    "luma": ("LUMAAI_API_KEY", "LUMA_API_KEY"),
    "runway": ("RUNWAYML_API_SECRET",),
    "vertex": ("GOOGLE_APPLICATION_CREDENTIALS",),
}
"""Variables that the providers' own programs read, by provider. Reelmill does not read them: a key that was set for
another program must not be billed for clips."""
Ask = Callable[[ProviderAccount, HostedCard, Wire], Answer]


def provider_checks(resources: Resources, model: str, variables: Collection[str] = ()) -> dict[str, Check]:
    """Return a check for each account, and for the provider of the default model, and one for all other providers.

    Args:
        model: name of the default card.
        variables: those of USUAL_VARIABLES that are set.
    """
    cards = _by_provider(resources)
    default = hosted_cards(cards_of(resources)).get(model)
    used = {each.provider for each in resources.providers} | ({default.provider} if default else set())
    checks = {
        f"provider {name}": Check(partial(check_provider, resources, name, default), LIMIT_S)
        for name in sorted(used & cards.keys())
    }
    return {**checks, "providers": Check(partial(check_others, resources, used, variables))}


def check_provider(
    resources: Resources, provider: str, default: HostedCard | None = None, ask: Ask = send_once
) -> list[Finding]:
    """Check that the models of a provider can be used, and that it accepts the key, if that can be asked for free.

    Each cause is a finding.

    A run also needs the weights of the models' scorers, so they are checked too.

    Args:
        default: the default model, if it is hosted.
        ask: sends a request with the key.
    """
    account = next((each for each in resources.providers if each.provider == provider), ProviderAccount(provider))
    cards = _by_provider(resources)[provider]
    pauses = _pauses(resources.catalogue_url)
    found = {card.name: readiness(card, resources.providers, pauses) for card in cards}
    ready = [card for card in cards if found[card.name].is_usable]
    if not ready:
        first = [default.name] if default and default.name in found else []
        return list(_unready(found[name] for name in (*first, *found)))
    retired = sum(each.state == ReadyState.RETIRED for each in found.values())
    message = f"Ready: {_names(ready)}{f', {retired} retired' if retired else ''}."
    key = _key_finding(account, ready[0], message, ask)
    return [key, *_warnings(account), *_missing_scorers(resources, ready), *_unready(found.values(), final=False)]


def check_others(resources: Resources, used: Collection[str], variables: Collection[str] = ()) -> list[Finding]:
    """Name the providers without an account, accounts without a provider, and keys that only other programs read.

    Each cause is a finding. A pause without an account is named as well: it stays when the key is removed from the
    settings.
    """
    others = [
        name
        for name, cards in sorted(_by_provider(resources).items())
        if name not in used and any(card.costs_money and not card.retired for card in cards)
    ]
    message = f"No key is set for {', '.join(others)}." if others else "Each provider has an account."
    paused = sorted((name, why) for name, why in _pauses(resources.catalogue_url).items() if name not in used)
    return [
        *(Finding(WARN, f"{name} is paused: {why.rstrip('.')}.", _resume_fix(name)) for name, why in paused),
        *(Finding(WARN, sentence) for sentence in unknown_providers(resources)),
        *_variables_of_others(variables),
        Finding(OK, f"{message} See docs/providers.md."),
    ]


def _resume_fix(provider: str) -> str:
    return f"Fix the cause, then run `reelmill providers resume {provider}`."


def _variables_of_others(variables: Collection[str]) -> Iterator[Finding]:
    for name, names in USUAL_VARIABLES.items():
        for variable in names:
            if variable in variables:
                yield Finding(OK, f"{variable} is set, but Reelmill reads {key_variable(name)}.")


def usual_variables(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the variables of USUAL_VARIABLES that are set."""
    return frozenset(name for names in USUAL_VARIABLES.values() for name in names if environment.get(name))


def _pauses(url: str) -> dict[str, str]:
    """Return why accounts are paused; nothing is created or migrated, and an unreachable database has its own check."""
    with suppress(CatalogueError):
        health = check_health(url)
        if health and health.revision == health.head:
            with open_catalogue(url) as catalogue:
                return pauses_of(catalogue)
    return {}


def _by_provider(resources: Resources) -> dict[str, list[HostedCard]]:
    found: dict[str, list[HostedCard]] = {}
    for card in hosted_cards(cards_of(resources)).values():
        found.setdefault(card.provider, []).append(card)
    return found


def _names(cards: list[HostedCard]) -> str:
    names = [card.name for card in cards[:SHOWN]]
    more = len(cards) - len(names)
    return ", ".join([*names, *([f"{count_of(more, 'more model')}"] if more else [])])


def _unready(found: Iterable[Readiness], *, final: bool = True) -> Iterator[Finding]:
    """Yield why models cannot be used, once for each cause; a retirement only if there is nothing else.

    Args:
        final: no model can be used, so that a run would fail.
    """
    causes: dict[ReadyState, str] = {}
    for each in found:
        if not each.is_usable:
            causes.setdefault(each.state, each.problem)
    retired = causes.pop(ReadyState.RETIRED, "")
    if retired and final and not causes:
        yield Finding(FAIL, retired)
    for state, problem in causes.items():
        yield Finding(WARN if state == ReadyState.PAUSED or not final else FAIL, problem)


def _warnings(account: ProviderAccount) -> Iterator[Finding]:
    if account.warning:
        what, _, fix = account.warning.partition(". ")
        yield Finding(WARN, f"{what}.", fix)


def _missing_scorers(resources: Resources, cards: Collection[HostedCard]) -> Iterator[Finding]:
    """Yield the scorers whose weights are missing: without them, a run of the models is refused."""
    for name in {card.scorer: None for card in cards}:
        if missing := missing_weights(resources, get_scorer_card(name, resources.model_folders)):
            yield missing


def _key_finding(account: ProviderAccount, card: HostedCard, message: str, ask: Ask) -> Finding:
    """Return what the provider says about the key. Without a key, only a server of the operator is asked."""
    if not account.key and (card.costs_money or not account.url):
        return Finding(OK, f"{message} No key is needed.")
    base_url = account.base_url(card)
    wire = format_of(card).check_key(card, base_url, account.values)
    if wire is None:
        return Finding(OK, f"{message} A key is set. It was not tested: the provider has no free request for that.")
    try:
        status = ask(account, card, wire).status
    except ReelmillError as error:
        return Finding(WARN, f"{message} The key was not tested: {error}", "Check the network and the address.")
    return next(_of_status(account, base_url, status, message))


def _of_status(account: ProviderAccount, base_url: str, status: int, message: str) -> Iterator[Finding]:
    """Yield what an HTTP status of the test request means; the first one applies."""
    key = key_variable(account.provider)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        yield Finding(FAIL, f"The provider refused the key ({status}).", f"Set {key} to a valid key.")
    if status == HTTPStatus.PAYMENT_REQUIRED:
        yield Finding(FAIL, f"The provider accepts the key, but the account has no credit ({status}).", "Add credit.")
    if status < HTTPStatus.BAD_REQUEST:
        yield Finding(OK, f"{message} The provider {'accepts the key' if account.key else 'responds'}.")
    yield Finding(
        WARN,
        f"{message} The key was not tested, because {base_url} responds with {status}.",
        "Try again later. If this persists, check the address.",
    )
