"""The rule for captions: there if they are required, and in a format that the platform reads."""

from collections.abc import Iterator

from manifests.finish.deliverable import Violation
from manifests.placements.facts import FileFacts
from manifests.placements.preset import PlacementPreset
from manifests.placements.wording import format_names


def caption_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield a violation if required captions are missing, or if no caption file has a format that is accepted."""
    readable = [name for name in facts.caption_files if name in preset.caption_files]
    if preset.captions == "required" and not (readable or facts.burnt_captions or facts.caption_tracks):
        how = f" or as a file in {format_names(preset.caption_files)}" if preset.caption_files else ""
        message = f"There are no captions; {preset.name} requires them. Add them to the picture{how}."
        yield Violation(rule="captions", message=message)
    elif facts.caption_files and preset.caption_files and not readable:
        message = (
            f"The captions are in {format_names(facts.caption_files)}; {preset.name} reads "
            f"{format_names(preset.caption_files)}. Convert the caption file."
        )
        yield Violation(rule="captions", message=message)
