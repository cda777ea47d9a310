"""`reelmill providers`: accounts at the providers of hosted models."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.cli.commands.review import actor_name
from app.cli.options import AsJson
from app.cli.output import say, say_json
from app.cli.table import show_table
from app.provider_rows import pause_account, provider_rows, resume_account
from app.session import Session
from manifests.hosted.provider_job import ProviderAccount
from tasks.runtime.providers.readiness import key_variable

TERMS = (
    "A paused account gets no further jobs; jobs in progress are finished. Reelmill pauses an account if its provider "
    "refuses the key, or if it has no credit. The expected cost of a job is reserved when it is submitted; its actual "
    "cost is spent when it ends."
)
providers = typer.Typer(no_args_is_help=True, help=f"List, pause and resume accounts at providers.\n\n{TERMS}")
Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="Name of a provider, as in `reelmill models`.")]


@providers.command("list")
def list_providers(as_json: AsJson = False) -> None:
    """List providers with their keys, jobs and costs."""
    rows = provider_rows(Session.open())
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
    if missing := [row["provider"] for row in rows if row["key"] != "set"]:
        say(f"\nTo set the key of {missing[0]}, set {key_variable(missing[0])}. See docs/providers.md.")


@providers.command()
def pause(
    provider: Name,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; shown to others and recorded.")] = "",
    as_json: AsJson = False,
) -> None:
    """Stop submitting jobs to an account. Jobs in progress are finished."""
    session = Session.open()
    changed = pause_account(session, provider, reason, actor_name())
    if as_json:
        return say_json({**_as_json(session.catalogue.provider_accounts.get(provider)), "changed": changed})
    status = "is paused. Jobs in progress are finished" if changed else "is already paused"
    say(f"{provider} {status}. Resume it with `reelmill providers resume {provider}`.")


@providers.command()
def resume(provider: Name, as_json: AsJson = False) -> None:
    """Resume a paused or slowed-down account; the next run submits jobs again."""
    session = Session.open()
    changed = resume_account(session, provider, actor_name())
    if as_json:
        return say_json({**_as_json(session.catalogue.provider_accounts.get(provider)), "changed": changed})
    say(f"{provider} is active." if changed else f"{provider} was not paused.")


def _as_json(account: ProviderAccount) -> dict[str, Any]:
    return {**asdict(account), "paused": account.is_paused}
