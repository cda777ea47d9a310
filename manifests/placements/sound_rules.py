"""Rules for the sound: presence, codec, loudness and true peak."""

from collections.abc import Iterator

from manifests.finish.deliverable import Violation
from manifests.placements.facts import FileFacts
from manifests.placements.preset import PlacementPreset
from manifests.placements.wording import format_name, format_names

ROUNDING_DB = 0.05
"""Messages show one digit after the point, so that a difference below is not visible."""


def audio_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of presence and codec of the sound."""
    if preset.needs_audio and (facts.is_silent or not facts.has_audio):
        what = "The sound of the file is silent" if facts.has_audio else "The file has no sound"
        yield Violation(rule="audio", message=f"{what}; {preset.name} needs sound. Add music or a voice.")
    if not facts.has_audio:
        return
    if preset.audio_codecs and facts.audio_codec not in preset.audio_codecs:
        message = (
            f"The audio codec is {format_name(facts.audio_codec)}; {preset.name} needs "
            f"{format_names(preset.audio_codecs)}. Encode the sound again."
        )
        yield Violation(rule="audio", message=message, fix="encode")


def loudness_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of loudness and true peak. Silence has no loudness and is never one."""
    loudness, wanted, tolerance = facts.loudness_lufs, preset.loudness_lufs, preset.loudness_tolerance
    if loudness is not None and abs(loudness - wanted) > tolerance + ROUNDING_DB:
        yield Violation(
            rule="loudness",
            message=f"The loudness is {loudness:.1f} LUFS; {preset.name} needs {wanted:g} with a tolerance of "
            f"{tolerance:g}. Change the volume by {wanted - loudness:+.1f} dB.",
            fix="loudness",
        )
    peak = facts.true_peak_dbtp
    if peak is not None and peak > preset.true_peak_dbtp + ROUNDING_DB:
        yield Violation(
            rule="true peak",
            message=f"The true peak is {peak:+.1f} dBTP; {preset.name} accepts at most {preset.true_peak_dbtp:g}. "
            "Limit the sound.",
            fix="loudness",
        )
