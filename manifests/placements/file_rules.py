"""Rules for the file: length, container, bitrate and size."""

from collections.abc import Iterator
from typing import Literal

from manifests.finish.deliverable import Violation
from manifests.placements.facts import FileFacts
from manifests.placements.preset import PlacementPreset
from manifests.placements.wording import file_size, format_name, format_names, kbps, seconds
from manifests.pluralize import any_of

LENGTH_TOLERANCE_S = 0.001
"""Rounding of time stamps."""
LENGTHS_TOLERANCE_S = 0.05
"""For placements that accept only some lengths, which no whole number of frames may match, such as 15 s at 23.976."""


def length_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield a violation if the picture is too short, too long, or not of an accepted length."""
    length = facts.duration_s
    tolerance = LENGTHS_TOLERANCE_S if preset.lengths_s else LENGTH_TOLERANCE_S
    if preset.min_s is not None and length < preset.min_s - tolerance:
        yield _length(facts, f"{preset.name} needs at least {seconds(preset.min_s)}", "extend")
    elif preset.max_s is not None and length > preset.max_s + tolerance:
        yield _length(facts, f"{preset.name} accepts at most {seconds(preset.max_s)}", "trim")
    elif preset.lengths_s and all(abs(length - wanted) > tolerance for wanted in preset.lengths_s):
        wanted = any_of(f"{wanted:g}" for wanted in preset.lengths_s)
        yield _length(facts, f"{preset.name} accepts only {wanted} s", "trim")


def container_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield a violation if the container is not accepted."""
    if facts.container not in preset.containers:
        yield Violation(
            rule="container",
            message=f"The file is {format_name(facts.container) if facts.container else 'of an unknown format'}; "
            f"{preset.name} needs {format_names(preset.containers)}. Write it as "
            f"{format_name(preset.containers[0])}.",
            fix="container",
        )


def file_size_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of the bitrate and the file size."""
    if preset.min_kbps is not None and facts.kbps < preset.min_kbps:
        yield _encode("bitrate", f"The bitrate is {kbps(facts.kbps)}", preset, f"at least {kbps(preset.min_kbps)}")
    if preset.max_kbps is not None and facts.kbps > preset.max_kbps:
        yield _encode("bitrate", f"The bitrate is {kbps(facts.kbps)}", preset, f"at most {kbps(preset.max_kbps)}")
    size = f"The file has {file_size(facts.size_bytes)}"
    if preset.min_bytes is not None and facts.size_bytes < preset.min_bytes:
        yield _encode("file size", size, preset, f"at least {file_size(preset.min_bytes)}")
    if preset.max_bytes is not None and facts.size_bytes > preset.max_bytes:
        yield _encode("file size", size, preset, f"at most {file_size(preset.max_bytes)}")


def _length(facts: FileFacts, requirement: str, fix: Literal["extend", "trim"]) -> Violation:
    how = {
        "extend": "Extend it with an end card or a loop, or use more shots.",
        "trim": "Trim it, or generate a shorter clip.",
    }
    message = f"The length is {seconds(facts.duration_s)}; {requirement}. {how[fix]}"
    return Violation(rule="duration", message=message, fix=fix)


def _encode(rule: str, measured: str, preset: PlacementPreset, limit: str) -> Violation:
    message = f"{measured}; {preset.name} needs {limit}. Encode it again at another bitrate."
    return Violation(rule=rule, message=message, fix="encode")
