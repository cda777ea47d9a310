"""Rules for the sound: presence, codec, bitrate, loudness and true peak."""

from collections.abc import Iterator

from manifests.finish.deliverable import Violation
from manifests.placements.facts import FileFacts
from manifests.placements.preset import PlacementPreset
from manifests.placements.wording import format_name, format_names, kbps

ROUNDING_DB = 0.05
"""Messages show one digit after the point, so that a difference below is not visible."""
AUDIO_KBPS_TOLERANCE = 0.95
"""Platforms name the bitrate that an encoder is asked for; the average of AAC is some per cent below it."""


def audio_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of presence, codec and bitrate of the sound."""
    if not facts.has_audio:
        if preset.needs_audio:
            message = f"The file has no sound; {preset.title} needs sound. Add music, a voice, or a silent track."
            yield Violation(rule="audio", message=message, fix="silence")
        return
    if preset.audio_codecs and facts.audio_codec not in preset.audio_codecs:
        yield _encode(f"The audio codec is {format_name(facts.audio_codec)}", preset, format_names(preset.audio_codecs))
    least = preset.min_audio_kbps
    if least is not None and facts.audio_kbps is not None and facts.audio_kbps < least * AUDIO_KBPS_TOLERANCE:
        yield _encode(f"The sound has {kbps(facts.audio_kbps)}", preset, f"at least {kbps(least)}")


def loudness_problems(facts: FileFacts, preset: PlacementPreset) -> Iterator[Violation]:
    """Yield violations of loudness and true peak. Silence has no loudness and is never one."""
    loudness, wanted, tolerance = facts.loudness_lufs, preset.loudness_lufs, preset.loudness_tolerance
    if loudness is not None and abs(loudness - wanted) > tolerance + ROUNDING_DB:
        yield Violation(
            rule="loudness",
            message=f"The loudness is {loudness:.1f} LUFS; {preset.title} needs {wanted:g} with a tolerance of "
            f"{tolerance:g}. Change the volume by {wanted - loudness:+.1f} dB.",
            fix="loudness",
        )
    peak = facts.true_peak_dbtp
    if peak is not None and peak > preset.true_peak_dbtp + ROUNDING_DB:
        yield Violation(
            rule="true peak",
            message=f"The true peak is {peak:+.1f} dBTP; {preset.title} accepts at most {preset.true_peak_dbtp:g}. "
            "Limit the sound.",
            fix="loudness",
        )


def _encode(measured: str, preset: PlacementPreset, needed: str) -> Violation:
    message = f"{measured}; {preset.title} needs {needed}. Encode the sound again."
    return Violation(rule="audio", message=message, fix="encode")
