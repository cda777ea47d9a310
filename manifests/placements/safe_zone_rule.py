"""The rule that nothing important is drawn where the platform shows its own controls."""

from collections.abc import Iterator

from manifests.finish.deliverable import Violation
from manifests.placements.facts import DrawnBox, FileFacts
from manifests.placements.preset import PlacementPreset, SafeZone
from manifests.placements.ratios import nearest_ratio, ratio_of

ROUNDING_PX = 1.0
"""Positions are rounded to whole pixels."""


def safe_zone_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield a violation for each drawn box that reaches into a margin which the platform covers."""
    ratio = ratio_of(facts.display_ratio, preset.sizes) or nearest_ratio(facts.display_ratio or 1, preset.sizes)
    zone = preset.safe_zone(ratio)
    for box in facts.boxes:
        if sides := [f"{pixels:.0f} px at the {side}" for side, pixels in _covered(box, zone, facts) if pixels > 0]:
            yield Violation(
                rule="safe zone",
                message=f"{box.name} is covered by the controls of {preset.name}: {', '.join(sides)}. Move it to the "
                "inside in the finish template, or make it smaller.",
            )


def _covered(box: DrawnBox, zone: SafeZone, facts: FileFacts) -> Iterator[tuple[str, float]]:
    """Yield how far a box reaches into each margin, in pixels; less than a pixel counts as nothing."""
    reach = {
        "top": zone.top * facts.height - box.y,
        "right": box.x + box.width - (1 - zone.right) * facts.width,
        "bottom": box.y + box.height - (1 - zone.bottom) * facts.height,
        "left": zone.left * facts.width - box.x,
    }
    yield from ((side, pixels if pixels > ROUNDING_PX else 0.0) for side, pixels in reach.items())
