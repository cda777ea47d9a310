"""Decide how a file is changed so that it meets the requirements of a placement."""

from collections.abc import Sequence
from typing import NamedTuple

from manifests.finish.deliverable import Violation
from manifests.placements.facts import FileFacts
from manifests.placements.preset import PlacementPreset
from manifests.placements.ratios import nearest_ratio, ratio_of

COPIED_CONTAINERS = ("mp4", "mov", "mkv", "webm")
COPIED_CODECS = ("h264", "hevc", "vp9", "av1")
"""Pictures that can be copied to an MP4 file without encoding them again."""
PICTURE_RULES = ("codec", "bitrate", "file size", "frame rate")
PICTURE_FIXES = ("scale", "pad", "extend", "trim")


class FixPlan(NamedTuple):
    """How a file is changed.

    Attributes:
        width, height: size of the picture, both even, with square pixels.
        pads: whether the whole picture is shown on a blurred copy of itself.
        encodes: whether the picture is encoded again; otherwise it is copied.
        duration_s: wanted length; None for that of the file within the placement's limits.
    """

    width: int
    height: int
    pads: bool
    encodes: bool
    duration_s: float | None


def fixable(violations: Sequence[Violation]) -> tuple[Violation, ...]:
    """Return the violations that can be fixed automatically."""
    return tuple(violation for violation in violations if violation.fix)


def plan_fix(facts: FileFacts, preset: PlacementPreset, violations: Sequence[Violation]) -> FixPlan:
    """Return how to fix what ``lint`` has found."""
    width, height = _size(facts, preset, violations)
    return FixPlan(
        width=width,
        height=height,
        pads=any(violation.fix == "pad" for violation in violations),
        encodes=_encodes(facts, violations),
        duration_s=_duration_s(facts, preset),
    )


def _size(facts: FileFacts, preset: PlacementPreset, violations: Sequence[Violation]) -> tuple[int, int]:
    """Return the size of the file, or that which the placement prefers if the file's ratio or size is not accepted."""
    ratio = ratio_of(facts.display_ratio, preset.sizes)
    if ratio and not any(violation.fix == "scale" for violation in violations):
        return max(2, round(facts.width * facts.sample_aspect / 2) * 2), max(2, facts.height // 2 * 2)
    size = preset.sizes[ratio or nearest_ratio(facts.display_ratio or 1, preset.sizes)]
    return size.width, size.height


def _encodes(facts: FileFacts, violations: Sequence[Violation]) -> bool:
    needed = any(each.fix in PICTURE_FIXES or (each.fix and each.rule in PICTURE_RULES) for each in violations)
    copied = facts.container in COPIED_CONTAINERS and facts.codec in COPIED_CODECS
    return needed or not copied or facts.is_rotated or facts.sample_aspect != 1


def _duration_s(facts: FileFacts, preset: PlacementPreset) -> float | None:
    """Return the longest accepted length that the file fills, or the shortest; None if any length is accepted."""
    if not preset.lengths_s:
        return None
    shorter = [length for length in preset.lengths_s if length <= facts.duration_s + 0.05]
    return shorter[-1] if shorter else preset.lengths_s[0]
