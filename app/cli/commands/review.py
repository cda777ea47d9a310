"""`reelmill approve` and `reelmill reject`: a person's decision, until the dashboard takes it."""

import getpass
from typing import Annotated

import typer

from app.cli.completion import close_campaign, finish_campaign
from app.cli.options import AsJson, CampaignName, Clips
from app.cli.output import say, say_json
from app.cli.run_outcome import FINISHED
from app.session import Session
from manifests.errors import ReelmillError


def approve(
    campaign: CampaignName,
    clips: Clips = None,
    everything: Annotated[bool, typer.Option("--all", help="All clips that passed.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Needed to approve a clip that failed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Approve clips that wait for a person; they are signed and published at once."""
    session, campaign_id = Session.of_campaign(campaign)
    chosen = _chosen(session, campaign_id, clips, everything)
    moved = session.catalogue.decisions.approve(chosen, actor_name(), reason)
    _tell_moved(
        "approved", moved, chosen, "Only clips that passed and wait can be, or failed ones with a --reason.", as_json
    )
    outcome = finish_campaign(session, campaign_id, as_json, {}) if moved else FINISHED
    close_campaign(session, campaign_id, None, None, as_json, outcome)
    if clips and len(moved) < len(chosen):
        raise typer.Exit(1)


def reject(
    campaign: CampaignName,
    clips: Clips = None,
    everything: Annotated[bool, typer.Option("--all", help="All clips that passed.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")] = "",
    as_json: AsJson = False,
) -> None:
    """Reject clips that wait for a person."""
    session, campaign_id = Session.of_campaign(campaign)
    chosen = _chosen(session, campaign_id, clips, everything)
    moved = session.catalogue.decisions.reject(chosen, actor_name(), reason)
    _tell_moved("rejected", moved, chosen, "Only clips that passed and wait can be.", as_json)
    if as_json:
        say_json({"campaign_id": campaign_id, "rejected": moved})
    if clips and len(moved) < len(chosen):
        raise typer.Exit(1)


def actor_name() -> str:
    """The person at the keyboard, as events name them."""
    return f"person:{getpass.getuser()}"


def _chosen(session: Session, campaign_id: str, clips: list[str] | None, everything: bool) -> list[str]:
    rows = session.catalogue.variants.of_campaign(campaign_id)
    if everything:
        return [row.variant_id for row in rows if row.state == "passed"]
    if not clips:
        raise ReelmillError("Name clips by the beginnings of their ids, or take --all.")
    chosen = []
    for clip in clips:
        found = [row.variant_id for row in rows if row.variant_id.startswith(clip.lower())]
        if len(found) != 1:
            raise ReelmillError(
                f"{len(found)} clips of {campaign_id} have an id that begins with {clip!r}; "
                "the clip table that every run writes lists them."
            )
        chosen += found
    return chosen


def _tell_moved(word: str, moved: list[str], chosen: list[str], rule: str, as_json: bool) -> None:
    left = len(chosen) - len(moved)
    if not as_json:
        say(f"{len(moved)} {word}." + (f" {left} left as they were: {rule}" if left else ""))
