"""Charts of a campaign's scores: one for each model, because scores of different scorers cannot be compared."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from adapters.catalogue import CampaignRow
from adapters.catalogue.views.campaign_stats import BIN, ScoreBin
from app.dashboard.background.campaign_stats import CampaignStats
from app.dashboard.deps import Deps
from manifests.brief import Brief

SIZE = (640, 150)
MAX_BRIEFS = 1000
"""With more briefs, their bins are merged: this keeps the page small."""


def charts_of(deps: Deps, head: CampaignRow, stats: CampaignStats) -> list[dict[str, Any]]:
    """Return the chart of each model with scored clips: its bars, its threshold and the data for the slider."""
    bins: defaultdict[str, list[ScoreBin]] = defaultdict(list)
    for each in deps.stats_cache.get(
        ("bins", head.campaign_id), lambda: deps.catalogue.campaign_stats.score_bins(head.campaign_id)
    ):
        bins[each.card].append(each)
    if not bins:
        return []
    briefs = deps.catalogue.campaigns.briefs(head.campaign_id)
    seconds = stats.device_seconds / stats.generated if stats.generated else 0.0
    return [
        _chart(card, _scorer(deps, card), own, _threshold(deps, head, card), briefs, seconds, is_only=len(bins) == 1)
        for card, own in sorted(bins.items())
    ]


def _chart(
    card: str,
    scorer: str,
    bins: list[ScoreBin],
    threshold: float,
    briefs: Sequence[Brief],
    seconds: float,
    *,
    is_only: bool,
) -> dict[str, Any]:
    lowest, highest = min(each.lowest for each in bins), max(each.lowest for each in bins) + BIN
    named = briefs if len(briefs) <= MAX_BRIEFS else ()
    # A target counts the clips of all models, so that the clips of one of them do not show what is missing.
    wants = {brief.brief_id: brief.wanted for brief in named if is_only and brief.wanted}
    data = {
        "bins": [(each.brief_id, each.lowest, each.number, each.open) for each in (bins if named else _merged(bins))],
        "width": BIN,
        "wants": wants,
        "own": {brief.brief_id: brief.min_adherence for brief in named if brief.min_adherence is not None},
        "seconds": seconds,
        "now": threshold,
    }
    return {
        "card": card,
        "scorer": scorer,
        "bars": _bars(bins, lowest, highest),
        "lowest": lowest,
        "highest": round(highest, 3),
        "threshold": min(max(threshold, lowest), highest),
        "now": threshold,
        # Escape "<" so that the data cannot end the script element.
        "data": json.dumps(data).replace("<", "\\u003c"),
        "width": SIZE[0],
        "height": SIZE[1],
        "own": sum(brief.min_adherence is not None for brief in briefs),
    }


def _merged(bins: list[ScoreBin]) -> list[ScoreBin]:
    """Merge the bins of all briefs."""
    sums: dict[float, tuple[int, int]] = {}
    for each in bins:
        number, is_open = sums.get(each.lowest, (0, 0))
        sums[each.lowest] = number + each.number, is_open + each.open
    return [ScoreBin("", lowest, *counts, bins[0].card) for lowest, counts in sorted(sums.items())]


def _threshold(deps: Deps, head: CampaignRow, card: str) -> float:
    """Return the threshold of a model for briefs without their own one; 0 if its card was removed."""
    known = deps.session.cards.get(card)
    return head.thresholds.get(card, known.inputs.min_adherence if known else 0.0)


def _scorer(deps: Deps, card: str) -> str:
    """Return the name of a model's scorer; empty if its card was removed."""
    known = deps.session.cards.get(card)
    return known.scorer if known else ""


def _bars(bins: list[ScoreBin], lowest: float, highest: float) -> list[dict[str, float]]:
    width, height = SIZE
    heights: dict[float, int] = {}
    for each in bins:
        heights[each.lowest] = heights.get(each.lowest, 0) + each.number
    tallest, step = max(heights.values()), width / max((highest - lowest) / BIN, 1)
    return [
        {
            "x": round((place - lowest) / BIN * step, 2),
            "width": round(max(step - 0.5, 0.5), 2),
            "height": round(number / tallest * height, 2),
            "y": round(height - number / tallest * height, 2),
            "from": place,
            "number": number,
        }
        for place, number in sorted(heights.items())
    ]
