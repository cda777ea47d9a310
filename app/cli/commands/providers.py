"""`reelmill providers`: accounts at the providers of hosted models."""

import difflib
from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.cli.commands.review import actor_name
from app.cli.options import AsJson
from app.cli.output import say, say_json
from app.cli.table import show_table
from app.session import Session
from manifests.costs.money import Money
from manifests.errors import NotFoundError
from manifests.hosted.provider_job import JobTotal, ProviderAccount
from models.registry import hosted_cards
from tasks.runtime.readiness import key_variable

providers = typer.Typer(no_args_is_help=True, help="List, pause and resume accounts at providers.")
BUSY = ("submitting", "submitted", "uncertain")
Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="Name of a provider, as in `reelmill models`.")]


@providers.command("list")
def list_providers(as_json: AsJson = False) -> None:
    """List the providers of the model cards, with their keys, jobs and money."""
    session = Session.open()
    rows = provider_rows(session)
    if as_json:
        say_json(rows)
        return
    show_table(
        ["provider", "key", "state", "in progress", "reserved", "spent"],
        [(row["provider"], row["key"], row["state"], row["busy"], row["reserved"], row["spent"]) for row in rows],
    )
    for row in rows:
        if row["paused_why"]:
            say(f"\n{row['provider']} is paused: {row['paused_why']}", indent=2)
    say("\nSet a key with a variable such as " + key_variable(rows[0]["provider"] if rows else "name") + ".")


@providers.command()
def pause(
    provider: Name,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; recorded and shown.")] = "",
    as_json: AsJson = False,
) -> None:
    """Pause an account: no job is submitted to it. Jobs in progress are finished."""
    session = Session.open()
    check_provider_name(session, provider)
    why = reason.strip() or f"paused by {actor_name().removeprefix('person:')}"
    changed = session.catalogue.provider_accounts.pause(provider, "person", why, actor_name())
    if as_json:
        return say_json({**_as_json(session.catalogue.provider_accounts.get(provider)), "changed": changed})
    status = "is paused. Jobs in progress are finished" if changed else "is already paused"
    say(f"{provider} {status}. Resume it with `reelmill providers resume {provider}`.")


@providers.command()
def resume(provider: Name, as_json: AsJson = False) -> None:
    """Resume an account that was paused or slowed down; the next run submits jobs again."""
    session = Session.open()
    check_provider_name(session, provider)
    accounts = session.catalogue.provider_accounts
    is_known = any(each.provider == provider for each in accounts.all())
    changed = is_known and accounts.resume(provider, actor_name())
    if as_json:
        return say_json({**_as_json(accounts.get(provider)), "changed": changed})
    say(f"{provider} is active." if changed else f"{provider} was not paused.")


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


def provider_rows(session: Session) -> list[dict[str, Any]]:
    """Return what is known about each provider's account, by name."""
    catalogue = session.catalogue
    accounts = {each.provider: each for each in catalogue.provider_accounts.all()}
    keys = {each.provider: "set" if each.key else "–" for each in session.resources.providers}
    totals = catalogue.provider_jobs.money()
    usable = {card.provider for card in hosted_cards(session.cards).values() if not card.retired}
    names = sorted(usable | accounts.keys())
    return [
        _row(accounts.get(name, ProviderAccount(name)), keys.get(name, "–"), [t for t in totals if t.provider == name])
        for name in names
    ]


def _row(account: ProviderAccount, key: str, totals: list[JobTotal]) -> dict[str, Any]:
    return {
        "provider": account.provider,
        "key": key,
        "state": "paused" if account.is_paused else "active",
        "paused_why": account.paused_why,
        "paused_at": account.paused_at,
        "busy": sum(total.jobs.get(state, 0) for total in totals for state in BUSY),
        "reserved": _sum([(total.reserved_micros, total.currency) for total in totals]),
        "spent": _sum([(total.spent_micros, total.currency) for total in totals]),
    }


def _sum(amounts: list[tuple[int, str]]) -> str:
    """Return the sum by currency: ``1.20 USD, 3.00 CNY``; a dash for nothing."""
    sums: dict[str, int] = {}
    for micros, currency in amounts:
        if micros and currency:
            sums[currency] = sums.get(currency, 0) + micros
    return ", ".join(str(Money(micros, currency)) for currency, micros in sums.items()) or "–"


def _as_json(account: ProviderAccount) -> dict[str, Any]:
    plain = asdict(account)
    return {**plain, "limits": account.limits._asdict(), "paused": account.is_paused}
