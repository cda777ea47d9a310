"""Replace variants whose model generated no clip: their brief's next fallback model generates one instead."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from adapters.catalogue import Catalogue, Membership, VariantRow
from manifests.brief import Brief
from manifests.errors import ProviderError
from manifests.placement import Placement, parse_placement
from manifests.states import State
from manifests.variant import PlannedVariant, Variant
from models.card import GeneratorCard
from tasks.plan.expand import length_of, ratio_of
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.providers.readiness import pauses_of, problems_of
from tasks.runtime.resources import Resources, cards_of, catalogue_of

ACTOR = "system:fallback"
"""Actor of replacements in the audit log, so that records can prove what they replace."""


def use_fallbacks(
    resources: Resources, campaign_id: str, failures: Mapping[str, ProviderError] = MappingProxyType({})
) -> int:
    """Plan a replacement for each variant that has no clip and whose brief has a fallback; return their number.

    A replacement records the variant as its parent. Variants whose job at a provider is still open or was lost are not
    replaced, because they may have been billed; nor are clips that failed the gate. Planned variants of hosted models
    that cannot be used now fail with the reason, so that they are not generated in addition when the model can be used
    again.

    Args:
        failures: why providers could not be used in this run, by card.
    """
    catalogue = catalogue_of(resources)
    briefs = {brief.brief_id: brief for brief in catalogue.campaigns.briefs(campaign_id) if brief.fallbacks}
    if not briefs:
        return 0
    members = defaultdict(list)
    for member in catalogue.campaigns.memberships(campaign_id):
        if member.brief_id in briefs:
            members[member.variant_id].append(member)
    unready = {name: found.problem for name, found in problems_of(resources, cards_of(resources), pauses_of(catalogue))}
    unready = {name: failure.reason or str(failure) for name, failure in failures.items()} | unready
    rows = [row for row in catalogue.variants.of_campaign(campaign_id) if row.variant_id in members]
    replaced = {row.parent_id for row in rows}
    added = 0
    for row in _without_clip(resources, campaign_id, rows, unready):
        if row.variant_id not in replaced:
            planned = list(_replacements(cards_of(resources), briefs, row, members[row.variant_id]))
            added += catalogue.campaigns.add_variants(campaign_id, planned, parent_id=row.variant_id, actor=ACTOR)
    return added


def without_fallback(catalogue: Catalogue, campaign_id: str, rows: Iterable[VariantRow]) -> list[VariantRow]:
    """Return the variants that are needed by a brief without a fallback model."""
    briefs = {brief.brief_id for brief in catalogue.campaigns.briefs(campaign_id) if not brief.fallbacks}
    needed = {each.variant_id for each in catalogue.campaigns.memberships(campaign_id) if each.brief_id in briefs}
    return [row for row in rows if row.variant_id in needed]


def _without_clip(
    resources: Resources, campaign_id: str, rows: list[VariantRow], unready: Mapping[str, str]
) -> Iterator[VariantRow]:
    """Yield the variants that failed without a clip, and those that fail now because their card is not ready."""
    catalogue = catalogue_of(resources)
    failed = [row for row in rows if row.state == State.FAILED and row.clip is None]
    lost = catalogue.provider_jobs.lost_of([row.variant_id for row in failed])
    yield from (row for row in failed if row.variant_id not in lost)
    waiting = [row for row in rows if row.state == State.PLANNED and row.variant.card in unready]
    busy = catalogue.provider_jobs.open_of([row.variant_id for row in waiting])
    failing = {row.variant_id: row for row in waiting if row.variant_id not in busy}
    yield from _fail(resources, catalogue, campaign_id, failing, unready)


def _fail(
    resources: Resources,
    catalogue: Catalogue,
    campaign_id: str,
    rows: Mapping[str, VariantRow],
    unready: Mapping[str, str],
) -> Iterator[VariantRow]:
    leases = catalogue.leases.acquire(
        list(rows), current_owner(), resources.lease_s, attempts_cap=resources.attempts, campaign_id=campaign_id
    )
    for lease in leases:
        if not lease.is_counted:  # another host has submitted its job meanwhile
            catalogue.leases.release([lease])
            continue
        catalogue.results.mark_failed(lease, unready[rows[lease.variant_id].variant.card])
        yield rows[lease.variant_id]


def _replacements(
    cards: Mapping[str, GeneratorCard], briefs: Mapping[str, Brief], row: VariantRow, members: list[Membership]
) -> Iterator[PlannedVariant]:
    for member in members:
        brief = briefs[member.brief_id]
        name = next_model(brief, row.variant.card)
        if name in cards:
            placement = parse_placement(member.placement)
            variant = variant_for(cards[name], brief, placement, row.variant, dict(member.labels))
            yield PlannedVariant(member.brief_id, placement, variant, variant.variant_id, member.labels)


def replacements_of(cards: Mapping[str, GeneratorCard], brief: Brief, planned: PlannedVariant) -> Iterator[Variant]:
    """Yield the variants of the fallback models that may replace a planned one, in their order."""
    name = next_model(brief, planned.variant.card)
    while name in cards:
        yield variant_for(cards[name], brief, planned.placement, planned.variant, dict(planned.labels))
        name = next_model(brief, name)


def next_model(brief: Brief, name: str) -> str:
    """Return the model that follows a model in the brief's fallbacks; empty if it is the last one."""
    order = ("", *brief.fallbacks, "")
    return order[order.index(name) + 1] if name in brief.fallbacks else order[1]


def variant_for(
    card: GeneratorCard, brief: Brief, placement: Placement, variant: Variant, labels: Mapping[str, str]
) -> Variant:
    """Return the variant with which a card replaces that of another card: same prompt, seed, pictures and length.

    Raises:
        CardRuleError: the card does not support the shape, because it was changed after the sheet was read.
    """
    profile = card.profile_for(variant.profile)
    recipe = card.recipe(profile)
    card = card.with_profile(profile)
    size, seconds = card.size_for(ratio_of(brief, placement, card)), _duration(brief, placement, labels, card)
    return variant._replace(
        card=card.name,
        revision=card.revision,
        negative_prompt=variant.negative_prompt if brief.negative_prompts else card.inputs.negative_prompt,
        height=size.height,
        width=size.width,
        num_frames=card.frames_for(seconds) if seconds else card.inputs.num_frames,
        fps=card.frame_rules.fps,
        num_inference_steps=card.inputs.num_inference_steps,
        guidance_scale=card.inputs.guidance_scale,
        loras=tuple(lora.name for lora in card.loras),
        profile=profile,
        recipe=recipe,
    )


def _duration(brief: Brief, placement: Placement, labels: Mapping[str, str], card: GeneratorCard) -> float | None:
    """Return the length that the sheet sets for a combination; None for the card's own."""
    if len(brief.durations_s) > 1:
        return float(labels["duration_s"].partition("|")[0])
    return brief.durations_s[0] if brief.durations_s else length_of(brief, brief.master_of(placement), card)


class Replaced(NamedTuple):
    """The variant that a fallback replaced.

    Attributes:
        model: the model that generated no clip.
        reason: why not, in one sentence.
    """

    model: str
    variant_id: str
    reason: str

    @property
    def note(self) -> str:
        """``fallback for runway-gen4.5: runway refused the content of the prompt``."""
        return f"fallback for {self.model}: {self.reason.rstrip('.')}" if self.reason else f"fallback for {self.model}"


def replaced_by(row: VariantRow, parent: VariantRow) -> Replaced | None:
    """Return what a variant replaces; None if it is not of a fallback model, but of a retry with a new seed."""
    if parent.variant.card == row.variant.card:
        return None
    return Replaced(parent.variant.card, parent.variant_id, _first_sentence(parent.error or ""))


def replaced_model(catalogue: Catalogue, row: VariantRow) -> Replaced | None:
    """Return what a variant replaces; None if it is not of a fallback model."""
    if row.parent_id is None:
        return None
    return next((replaced_by(row, parent) for parent in catalogue.variants.of_ids([row.parent_id])), None)


def _first_sentence(error: str) -> str:
    """Return what is wrong, without the advice that follows it; a provider's words in brackets stay together."""
    found = ""
    for part in error.split(". "):
        found = f"{found}. {part}" if found else part
        if found.count("(") <= found.count(")"):
            break
    return found
