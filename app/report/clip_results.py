"""The list of a campaign's clips for the results sheet."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence

from adapters.catalogue import Membership, VariantRow
from adapters.sheets import ClipResult
from app.report.cost import ClipCost, cost_of, seconds_of
from app.report.fallbacks import NONE, Fallbacks
from manifests.brief import Brief
from manifests.costs.prices import Prices
from manifests.states import NOT_NEEDED, REPLACED, State


def clip_results(
    rows: Iterable[VariantRow],
    memberships: Iterable[Membership],
    briefs: Iterable[Brief],
    campaign_id: str,
    prices: Prices,
    not_needed: Container[str] = (),
    fallbacks: Fallbacks = NONE,
) -> list[ClipResult]:
    """Return one result for each clip, in the order of the variants.

    Args:
        campaign_id: the campaign of the memberships.
        not_needed: ids of variants that no run generates.
        fallbacks: the replacements among the variants.
    """
    numbers = {brief.brief_id: brief.row for brief in briefs}
    members: defaultdict[str, list[Membership]] = defaultdict(list)
    for member in memberships:
        members[member.variant_id].append(member)
    return [
        _result(
            row,
            _state(row, not_needed, fallbacks),
            members[row.variant_id],
            numbers,
            seconds_of([row], campaign_id),
            cost_of([row], campaign_id, prices),
            fallbacks,
        )
        for row in rows
    ]


def _state(row: VariantRow, not_needed: Container[str], fallbacks: Fallbacks) -> str:
    if row.variant_id in not_needed:
        return NOT_NEEDED
    return REPLACED if row.state == State.FAILED and row.variant_id in fallbacks.models else row.state


def _result(
    row: VariantRow,
    state: str,
    members: Sequence[Membership],
    numbers: Mapping[str, int],
    seconds: float | None,
    cost: ClipCost,
    fallbacks: Fallbacks,
) -> ClipResult:
    brief_ids = tuple(dict.fromkeys(member.brief_id for member in members))
    return ClipResult(
        rows=tuple(numbers[brief_id] for brief_id in brief_ids),
        brief_ids=brief_ids,
        variant_id=row.variant_id,
        labels=" | ".join(dict.fromkeys(_labels(member) for member in members)),
        state=state,
        seed=row.variant.seed,
        score=row.score.prompt_adherence if row.score else None,
        url=row.url or "",
        credential_sha256=row.signed.digests.get(row.signed.sidecar_key, "") if row.signed else "",
        device_seconds=seconds,
        cost=cost.sums,
        cost_basis=cost.basis,
        provider=", ".join(cost.providers),
        why="; ".join(reason.sentence for reason in row.reasons) or row.error or "",
        prompt=row.variant.prompt,
        model=row.variant.card,
        note=fallbacks.note(row.variant_id) or fallbacks.replacement(row.variant_id),
    )


def _labels(member: Membership) -> str:
    """Return ``placements: tiktok 9:16; colour: red``."""
    labels = {"placements": member.placement, **dict(member.labels)}
    if member.locale:
        labels.setdefault("locale", member.locale)
    return "; ".join(f"{column}: {value}" for column, value in labels.items())
