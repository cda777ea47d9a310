"""Accounts at providers with their jobs and money, for `reelmill providers` and the dashboard."""

import difflib
from collections.abc import Iterable
from typing import Any

from app.session import Session
from manifests.costs.money import Money
from manifests.errors import NotFoundError
from manifests.hosted.job import BUSY
from manifests.hosted.provider_job import JobTotal, ProviderAccount
from models.registry import hosted_cards


def provider_rows(session: Session) -> list[dict[str, Any]]:
    """Return what is known about each provider's account, by name."""
    catalogue = session.catalogue
    accounts = {each.provider: each for each in catalogue.provider_accounts.all()}
    keys = {each.provider: "set" if each.key else "–" for each in session.resources.providers}
    totals = catalogue.provider_jobs.money()
    usable = {card.provider for card in hosted_cards(session.cards).values() if not card.retired}
    return [
        _row(
            accounts.get(name, ProviderAccount(name)),
            keys.get(name),
            [total for total in totals if total.provider == name],
        )
        for name in sorted(usable | accounts.keys())
    ]


def check_provider_name(session: Session, name: str) -> None:
    """Check that there are cards or an account of a provider; the message suggests similar names.

    Raises:
        NotFoundError: there are none.
    """
    known = [row["provider"] for row in provider_rows(session)]
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        advice = f"Did you mean {near[0]}?" if near else "List them with `reelmill providers list`."
        raise NotFoundError(f"No provider is named {name[:80]!r}. {advice}")


def resume_account(session: Session, name: str, actor: str) -> bool:
    """Resume an account, with an audit entry; return False if it was neither paused nor slowed down.

    Raises:
        NotFoundError: no provider has this name.
    """
    check_provider_name(session, name)
    accounts = session.catalogue.provider_accounts
    is_used = any(each.provider == name for each in accounts.all())
    return is_used and accounts.resume(name, actor)


def pause_account(session: Session, name: str, reason: str, actor: str) -> bool:
    """Submit no further jobs to an account, with an audit entry; return False if it was paused already.

    Raises:
        NotFoundError: no provider has this name.
    """
    check_provider_name(session, name)
    why = reason.strip() or f"paused by {actor.removeprefix('person:')}"
    return session.catalogue.provider_accounts.pause(name, "person", why, actor)


def _row(account: ProviderAccount, key: str | None, totals: list[JobTotal]) -> dict[str, Any]:
    """Return what is known about an account; ``key`` is None if the settings do not contain it."""
    return {
        "provider": account.provider,
        "key": key or "–",
        "is_used": key is not None or account.is_paused or bool(totals),
        "state": "paused" if account.is_paused else "active",
        "paused_why": account.paused_why,
        "paused_at": account.paused_at,
        "busy": sum(total.jobs.get(state, 0) for total in totals for state in BUSY),
        "reserved": _sum((total.reserved_micros, total.currency) for total in totals),
        "spent": _sum((total.spent_micros, total.currency) for total in totals),
    }


def _sum(amounts: Iterable[tuple[int, str]]) -> str:
    """Return the sums by currency: ``1.20 USD, 3.00 CNY``; a dash for nothing."""
    sums: dict[str, int] = {}
    for micros, currency in amounts:
        if micros and currency:
            sums[currency] = sums.get(currency, 0) + micros
    return ", ".join(str(Money(micros, currency)) for currency, micros in sums.items()) or "–"
