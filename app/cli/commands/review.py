"""`reelmill approve` and `reelmill reject`: decide about clips from the command line."""

import getpass
from typing import Annotated

import typer

from app.cli.completion import close_campaign, run_campaign
from app.cli.options import AsJson, CampaignName, Clips
from app.cli.output import say, say_json, warn
from app.cli.run_outcome import FINISHED
from app.session import Session
from manifests.errors import ReelmillError
from manifests.states import State


def approve(
    campaign: CampaignName,
    clips: Clips = None,
    everything: Annotated[bool, typer.Option("--all", help="All clips that passed the automatic checks.")] = False,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="TEXT", help="Reason; required to approve a clip that failed the automatic checks."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Approve clips, then sign and publish them.

    In the dashboard you can undo an approval for eight seconds; here you cannot.

    If clips of the campaign are still planned, this generates them as well.
    """
    session, campaign_id = Session.of_campaign(campaign)
    chosen = _chosen(session, campaign_id, clips, everything)
    moved = _decide(session, chosen, State.APPROVED, reason, as_json)
    outcome = run_campaign(session, campaign_id, as_json, {}) if moved else FINISHED
    close_campaign(session, campaign_id, None, None, as_json, outcome)
    if clips and len(moved) < len(chosen):
        raise typer.Exit(1)


def reject(
    campaign: CampaignName,
    clips: Clips = None,
    everything: Annotated[bool, typer.Option("--all", help="All clips that passed the automatic checks.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason; recorded with the decision.")] = "",
    as_json: AsJson = False,
) -> None:
    """Reject clips that passed or failed the automatic checks."""
    session, campaign_id = Session.of_campaign(campaign)
    chosen = _chosen(session, campaign_id, clips, everything)
    moved = _decide(session, chosen, State.REJECTED, reason, as_json)
    if as_json:
        say_json({"campaign_id": campaign_id, "rejected": list(moved)})
    if clips and len(moved) < len(chosen):
        raise typer.Exit(1)


def actor_name() -> str:
    """Return the system user in the form that events record."""
    return f"person:{getpass.getuser()}"


def _chosen(session: Session, campaign_id: str, clips: list[str] | None, everything: bool) -> list[str]:
    rows = session.catalogue.variants.of_campaign(campaign_id)
    if everything:
        return [row.variant_id for row in rows if row.state == State.PASSED]
    if not clips:
        raise ReelmillError(
            "No clips selected. Add the ids of the clips, or --all. The first characters of an id are enough."
        )
    chosen = []
    for clip in clips:
        found = [row.variant_id for row in rows if row.variant_id.startswith(clip.lower())]
        if len(found) != 1:
            raise ReelmillError(
                f"{len(found)} clips of {campaign_id} have an id that begins with {clip!r}. "
                "The clip table clips.csv of the campaign lists all ids."
            )
        chosen += found
    return chosen


def _decide(session: Session, chosen: list[str], outcome: State, reason: str, as_json: bool) -> tuple[str, ...]:
    """Record the decision on the clips as they are now; report each clip that did not change, with the reason."""
    seen = session.catalogue.variants.last_events(chosen)
    decided = session.catalogue.reviews.record(seen, outcome, actor_name(), reason=reason)
    if not as_json:
        say(f"{len(decided.moved)} {outcome}.")
    for variant_id, why in decided.refused.items():
        warn(f"Clip {variant_id[:12]} was not {outcome}: {why}")
    return decided.moved
