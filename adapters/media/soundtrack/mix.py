"""Mix voice, music and the master's own sound into the soundtrack of a deliverable."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from adapters.media.soundtrack.ducking import ducking_gain
from adapters.media.soundtrack.looping import to_length
from adapters.media.soundtrack.loudness import Aim, measure
from adapters.media.soundtrack.mastering import master
from adapters.media.soundtrack.samples import MAX_S, RATE, fitted, num_samples, silence
from manifests.errors import FinishError

VOICE_LUFS, NATIVE_LUFS, MUSIC_LUFS = -16.0, -20.0, -22.0
"""Levels against each other, before the whole gets its loudness. The music leaves room for the voice."""
FADE_IN_S, FADE_OUT_S = 0.05, 0.8
GUARD_S = 0.005
"""Shortest fade at the edges of a sound: a waveform that begins suddenly clicks."""


class Mixed(NamedTuple):
    """A soundtrack: samples, float32 (2, n) at 48 kHz, and what people should know, one sentence each."""

    samples: np.ndarray
    notes: tuple[str, ...] = ()


def mix(
    voice: np.ndarray | None,
    voice_start_s: float,
    music: np.ndarray | None,
    native: np.ndarray | None,
    seconds: float | Fraction,
    loudness_lufs: float = -14.0,
    true_peak_dbtp: float = -1.0,
    ducking_db: float = 12.0,
) -> Mixed:
    """Return the soundtrack of a video. The same inputs give the same samples.

    Args:
        voice: float (2, n) at 48 kHz, as ``samples.as_stereo`` and ``decode`` return it; None for none.
        voice_start_s: when the voice starts, in seconds from the start.
        music: in the same form; it is trimmed or looped to the length, and fades in and out.
        native: the sound of the master, from the start; it ends where it ends.
        seconds: length of the video; the result has exactly as many samples.
        loudness_lufs, true_peak_dbtp: of the result. The AAC of the file changes both a little; see ``next_aim``.
        ducking_db: by how much music and native sound are lowered while the voice speaks; 0 to 60.

    Raises:
        FinishError: the voice does not fit into the video, or an argument is out of range.
    """
    num = _checked(seconds, ducking_db)
    spoken = _placed(voice, voice_start_s, num)
    others = silence(num).astype(np.float64)
    if music is not None and music.shape[1]:
        others += _faded(_levelled(to_length(music, num), MUSIC_LUFS), FADE_IN_S, FADE_OUT_S)
    if native is not None and native.shape[1]:
        others += _native(native, num)
    if spoken is not None:
        others *= ducking_gain(spoken, ducking_db)
        others += _levelled(spoken, VOICE_LUFS)
    made, notes = master(_faded(others, GUARD_S, GUARD_S), Aim(loudness_lufs, true_peak_dbtp))
    return Mixed(_faded(made, GUARD_S, GUARD_S).astype(np.float32), notes)


def _checked(seconds: float | Fraction, ducking_db: float) -> int:
    """Return the number of samples."""
    if not 0 < seconds <= MAX_S:
        raise FinishError(
            f"A soundtrack of {float(seconds):g} s is not supported. Use more than 0 and up to {MAX_S:g} s."
        )
    if not 0 <= ducking_db <= 60:
        raise FinishError(f"ducking_db is {ducking_db:g}. Use 0 to 60 decibels.")
    return num_samples(seconds)


def _placed(voice: np.ndarray | None, start_s: float, num: int) -> np.ndarray | None:
    """Return the voice at its place, as long as the soundtrack."""
    if voice is None or not voice.shape[1]:
        return None
    start = round(start_s * RATE)
    end_s = start_s + voice.shape[1] / RATE
    if start < 0 or start + voice.shape[1] > num:
        raise FinishError(
            f"The voice would end at {end_s:.1f} s, but the video is {num / RATE:.1f} s long. "
            "Shorten the text, or ask for a longer video with duration_s."
        )
    made = silence(num)
    made[:, start : start + voice.shape[1]] = _faded(voice, GUARD_S, GUARD_S)
    return made


def _native(native: np.ndarray, num: int) -> np.ndarray:
    """Return the master's sound as long as the soundtrack; a sound that would be cut fades out."""
    kept = native[:, :num]
    is_cut = native.shape[1] > num
    faded = _faded(_levelled(kept, NATIVE_LUFS), GUARD_S, FADE_OUT_S if is_cut else GUARD_S)
    return fitted(faded, num)


def _levelled(samples: np.ndarray, lufs: float) -> np.ndarray:
    """Return samples with this loudness; those without loudness unchanged."""
    found = measure(samples, with_peak=False).lufs
    return samples if found is None else samples * 10 ** ((lufs - found) / 20)


def _faded(samples: np.ndarray, in_s: float, out_s: float) -> np.ndarray:
    """Return samples that rise at the start and fall at the end; each fade takes at most half of the length."""
    made, half = samples.astype(np.float64), samples.shape[1] // 2
    for seconds, part in ((in_s, made), (out_s, made[:, ::-1])):
        num = min(round(seconds * RATE), half)
        part[:, :num] *= np.sin(np.linspace(0, np.pi / 2, num, endpoint=False)) ** 2
    return made
