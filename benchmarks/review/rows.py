"""Rows added to a real campaign for benchmarks and tests. They reuse its clips, so each poster is real."""

import itertools
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adapters.catalogue import Catalogue
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.clip import Clip
from manifests.placement import parse_placement
from manifests.scoring.score import Score
from manifests.scoring.verdict import Reason, Verdict
from manifests.variant import PlannedVariant, Variant
from tasks.runtime.files.staging import Staging

BRIEFS = 20
HOSTILE_BRIEF = "<img src=x onerror=window.hacked=1>"


def fill(catalogue: Catalogue, home: Path, rows: int, name: str = "stock", hostile: Sequence[str] = ()) -> str:
    """Add a campaign with ``rows`` scored clips to a home that contains generated clips. Return its id.

    Args:
        catalogue: the catalogue of the home.
        hostile: Prompts of additional variants. They belong to an additional brief.
    """
    first = catalogue.campaigns.all()[-1].campaign_id
    made = [(row.variant, row.clip) for row in catalogue.variants.of_campaign(first) if row.clip]
    campaign_id = fill_with(catalogue, made[0][0], [clip for _, clip in made], rows, name, hostile)
    _link_files(catalogue, Staging(home / "staging"), campaign_id, {clip.sha256: clip for _, clip in made})
    return campaign_id


def _link_files(catalogue: Catalogue, staging: Staging, campaign_id: str, made: Mapping[str, Clip]) -> None:
    """Link the files of every clip into its own folder, because the dashboard serves a clip only from there."""
    for row in catalogue.variants.of_campaign(campaign_id):
        if row.clip and not (own := staging.located(row.clip)).path.exists():  # campaigns can share variants
            source = staging.located(made[row.clip.sha256])
            staging.folder(row.variant_id)
            os.link(source.path, own.path)
            os.link(source.poster, own.poster)


def fill_with(
    catalogue: Catalogue, like: Variant, clips: Sequence[Clip], rows: int, name: str, hostile: Sequence[str] = ()
) -> str:
    """Add a campaign with ``rows`` variants like a given one, which use the given clips. Return its id."""
    prompts = [
        f"stock prompt {number} of a {colour} thing"
        for number, colour in zip(range(BRIEFS), itertools.cycle(("red", "blue", "green")), strict=False)
    ]
    names = [f"stock-{number}" for number in range(BRIEFS)]
    prompts, names = [*prompts, *hostile], names + ([HOSTILE_BRIEF] if hostile else [])
    campaign = Campaign(
        name,
        f"{rows:064x}",
        tuple(
            Brief(number, brief_id, (prompts[number % len(prompts)],), want=3) for number, brief_id in enumerate(names)
        ),
    )
    catalogue.campaigns.add(campaign, {"review": "required"})
    catalogue.campaigns.add_variants(
        campaign.campaign_id, (_planned(like, names, prompts, index) for index in range(rows))
    )
    _judge(catalogue, campaign.campaign_id, clips)
    return campaign.campaign_id


def _planned(like: Variant, names: list[str], prompts: list[str], index: int) -> PlannedVariant:
    place = index % len(prompts)
    variant = like._replace(prompt=prompts[place], seed=index)
    brief_id = names[min(place, len(names) - 1)]
    return PlannedVariant(brief_id, parse_placement("16:9"), variant, variant.variant_id)


def _judge(catalogue: Catalogue, campaign_id: str, clips: Sequence[Clip], batch: int = 1000) -> None:
    """Give every planned variant of the campaign a clip and a score. The results are the same on each call."""
    dice = random.Random(5)  # noqa: S311
    waiting = [row.variant_id for row in catalogue.variants.waiting(campaign_id, ["planned"])]
    for start in range(0, len(waiting), batch):
        leases = catalogue.leases.acquire(waiting[start : start + batch], "filler", 600.0, attempts_cap=5)
        judged = []
        for lease in leases:
            clip = clips[dice.randrange(len(clips))]
            value = round(dice.gauss(0.7, 0.12), 6)
            reasons = () if value >= 0.6 else (Reason("adherence", "it does not match the prompt well enough"),)
            judged.append(
                (
                    lease,
                    replace(clip, variant_id=lease.variant_id),
                    Score(
                        lease.variant_id, {"luma_mean": 90.0}, max(-1.0, min(1.0, value)), 1, 7, "starter-openclip@1"
                    ),
                    Verdict(lease.variant_id, reasons),
                )
            )
        catalogue.results.record_batch(judged)
