"""Run a shard of random-Wan variants in render_shard, with real postprocessing, on a warm device."""

from collections.abc import Mapping
from typing import NamedTuple

from benchmarks.wan.rig import Rig
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.costs.device_use import UseKind
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant
from models.memory import free_caches
from tasks.plan.shard import Job, Shard
from tasks.render.render import ShardReport, render_shard
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, catalogue_of, close_resources

WARM_UP_SEED = 90_000
SHEET = "0" * 64
ANYTHING = -1.0
"""A gate that passes every cosine."""


class RenderedShard(NamedTuple):
    """Report of a shard, and the device seconds of its drafts."""

    report: ShardReport
    draft_seconds: float

    @property
    def finals(self) -> int:
        return self.report.passed + self.report.failed


def render(
    rig: Rig,
    name: str,
    variants: list[Variant],
    gates: Mapping[str, float] | None = None,
    want: int | None = None,
    drafts: str = "off",
) -> RenderedShard:
    """Render a shard with a separate catalogue, after a warm-up clip that loads everything.

    Args:
        gates: Lowest passing cosine by prompt. With None, everything passes.
        want: Number of passing clips after which a prompt is complete.
        drafts: As in Settings.
    """
    home = rig.folder / name
    resources = Resources(
        f"sqlite:///{home / 'catalogue.db'}",
        BucketConfig(str(home / "bucket")),
        SignerConfig("development", home / "signer"),
        home / "staging",
        drafts=drafts,
        devices=(rig.setting.device,),
        model_folders=(rig.cards,),
    )
    close_resources()
    try:
        render_shard(
            resources, _planned(resources, "Warm-up", [rig.variant(rig.setting.prompts[0], WARM_UP_SEED)], {}, None)
        )
        shard = _planned(resources, name, variants, gates or {}, want)
        report = render_shard(resources, shard)
        used = catalogue_of(resources).device_use.of_campaign(shard.campaign_id)
    finally:
        close_resources()
        free_caches()
    return RenderedShard(report, sum(use.seconds for use in used if use.kind == UseKind.DRAFT))


def _planned(
    resources: Resources, name: str, variants: list[Variant], gates: Mapping[str, float], want: int | None
) -> Shard:
    prompts = list(dict.fromkeys(variant.prompt for variant in variants))
    briefs = {
        prompt: Brief(2 + number, f"brief-{number}", (prompt,), variants=len(variants) // len(prompts), want=want)
        for number, prompt in enumerate(prompts)
    }
    campaign = Campaign(name, SHEET, tuple(briefs.values()))
    catalogue = catalogue_of(resources)
    catalogue.campaigns.add(campaign, {})
    catalogue.campaigns.add_variants(
        campaign.campaign_id,
        [
            PlannedVariant(briefs[variant.prompt].brief_id, Placement("web", "16:9"), variant, variant.variant_id)
            for variant in variants
        ],
    )
    jobs = tuple(
        Job(variant, variant.variant_id, (briefs[variant.prompt].brief_id,), gates.get(variant.prompt, ANYTHING))
        for variant in variants
    )
    wants = {brief.brief_id: brief.want for brief in briefs.values() if brief.want}
    return Shard(campaign.campaign_id, jobs, wants, tuple(prompts), 1.0)
