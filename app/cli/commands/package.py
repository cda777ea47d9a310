"""`reelmill package`: make a package for an agency, a platform or an editing program."""

from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.presets.placements import load_presets
from app.cli.commands.placements import preset_folders
from app.cli.options import AsJson, CampaignName
from app.cli.output import say, say_json
from app.session import Session
from manifests.pluralize import any_of, count_of
from tasks.package.package import TARGETS, check_target, make_package
from tasks.package.result import Package
from tasks.runtime.resources import bucket_of

SHOWN = 20


def package(
    campaign: CampaignName,
    target: Annotated[str, typer.Option("--for", metavar="TARGET", help=f"{any_of(TARGETS)}.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="New or empty folder to write to.")],
    as_json: AsJson = False,
) -> None:
    """Make a package of the published clips of a campaign: files with safe names, sheets, captions and timelines.

    adobe-stock gets the unfinished clips that meet its rules, and the CSV file with titles and keywords. meta, tiktok
    and google get the deliverables of their placements with an upload sheet. editors get the clips with timelines
    (OTIO and EDL).
    """
    check_target(target)
    session, campaign_id = Session.of_campaign(campaign)
    channels = {channel: preset.name for preset in load_presets(preset_folders()).values()
                for channel in preset.channels}  # fmt: skip
    bucket = bucket_of(session.resources)
    made = make_package(session.catalogue, bucket, campaign_id, target, out, channels)
    if as_json:
        say_json(_as_json(made))
    else:
        _show(made)


def _show(made: Package) -> None:
    say(f"Wrote {count_of(made.videos, 'video')} and {', '.join(made.files)} to {made.folder}.")
    for note in made.notes[:SHOWN]:
        say(f"  {note}", indent=4)
    if made.left_out:
        say(f"{count_of(len({each.item.item_id for each in made.left_out}), 'clip')} left out:")
    for each in made.left_out[:SHOWN]:
        say(f"  {each.item.label}: {each.reason}", indent=4)
    hidden = max(0, len(made.notes) - SHOWN) + max(0, len(made.left_out) - SHOWN)
    if hidden:
        say(f"  … and {count_of(hidden, 'more line')}; --json shows all.")


def _as_json(made: Package) -> dict[str, Any]:
    return {
        "folder": str(made.folder),
        "videos": made.videos,
        "files": made.files,
        "notes": made.notes,
        "left_out": [{"id": each.item.item_id, "row": each.item.row, "reason": each.reason} for each in made.left_out],
    }
