"""Compare a video file with the requirements of a placement."""

from collections.abc import Callable, Iterator

from manifests.finish.deliverable import Violation
from manifests.placements.captions_rule import caption_problems
from manifests.placements.facts import FileFacts
from manifests.placements.file_rules import container_problems, file_size_problems, length_problems
from manifests.placements.picture_rules import codec_problems, frame_rate_problems, ratio_problems, size_problems
from manifests.placements.preset import PlacementPreset
from manifests.placements.safe_zone_rule import safe_zone_problems
from manifests.placements.sound_rules import audio_problems, loudness_problems

Rule = Callable[[FileFacts, PlacementPreset], Iterator[Violation]]

RULES: tuple[Rule, ...] = (
    ratio_problems,
    size_problems,
    length_problems,
    container_problems,
    codec_problems,
    frame_rate_problems,
    file_size_problems,
    audio_problems,
    loudness_problems,
    safe_zone_problems,
    caption_problems,
)
"""In the order in which people fix them: the shape and the length first."""


def lint(facts: FileFacts, preset: PlacementPreset) -> tuple[Violation, ...]:
    """Return all requirements that the file does not meet; empty if it fits the placement."""
    return tuple(problem for rule in RULES for problem in rule(facts, preset))
