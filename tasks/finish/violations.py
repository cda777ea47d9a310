"""Check a finished file against the requirements of its placement."""

from collections.abc import Iterable
from pathlib import Path

from adapters.media.file_facts import measure
from manifests.finish.deliverable import Violation
from manifests.placements.facts import DrawnBox
from manifests.placements.linter import lint
from manifests.placements.preset import PlacementPreset


def violations_of(
    path: Path,
    preset: PlacementPreset,
    *,
    caption_files: Iterable[str] = (),
    burnt_captions: bool = False,
    boxes: Iterable[DrawnBox] = (),
) -> tuple[Violation, ...]:
    """Return what a file does not meet; for ``FinishedFile.violations``.

    Args:
        caption_files: formats of its caption files, such as the keys of ``FinishedFile.sidecars``.
        burnt_captions: whether captions are part of the picture.
        boxes: where layers were drawn, in pixels.

    Raises:
        EncodingError: it is not a readable video.
    """
    facts = measure(path, caption_files=tuple(caption_files), burnt_captions=burnt_captions, boxes=boxes)
    return lint(facts, preset)
