"""Lower other sound while a voice speaks."""

import numpy as np

from adapters.media.soundtrack.samples import RATE

WINDOW = RATE // 50
"""20 ms."""
SPEECH_DB = -36.0
"""Speech is what is louder than this against the loudest 20 ms of the voice."""
HOLD_S = 0.45
"""Shorter pauses between words or clauses do not raise the music."""
ATTACK_S, RELEASE_S = 0.18, 0.5


def ducking_gain(voice: np.ndarray, ducking_db: float) -> np.ndarray:
    """Return the gain of other sound, float32 (n,): 1 without voice, lower by ``ducking_db`` under it.

    The attack lies before the first word, since the voice is known in advance. Gains change evenly in decibels.

    Args:
        voice: float (2, n) at 48 kHz, as long as the soundtrack.
        ducking_db: positive decibels; 0 changes nothing.
    """
    num = voice.shape[1]
    depth = np.zeros(-(-num // WINDOW) + 1)
    spoken = _spoken(voice)
    for start, end in _spans(spoken):
        depth = np.maximum(depth, _ramps(len(depth), start, end))
    times = np.arange(num) / WINDOW
    return np.asarray(10 ** (-ducking_db / 20 * np.interp(times, np.arange(len(depth)), depth)), np.float32)


def _spoken(voice: np.ndarray) -> np.ndarray:
    """Return for each window whether there is speech."""
    num = -(-voice.shape[1] // WINDOW)
    padded = np.pad(voice.astype(np.float64), ((0, 0), (0, num * WINDOW - voice.shape[1])))
    levels = np.sqrt((padded**2).mean(0).reshape(num, WINDOW).mean(1))
    loudest = levels.max(initial=0.0)
    return np.asarray(levels > max(loudest * 10 ** (SPEECH_DB / 20), 1e-6))


def _spans(spoken: np.ndarray) -> list[tuple[int, int]]:
    """Return the first window and the one after the last of each stretch of speech, short pauses included."""
    windows = np.flatnonzero(spoken)
    if not len(windows):
        return []
    hold = round(HOLD_S * RATE / WINDOW)
    cuts = np.flatnonzero(np.diff(windows) > hold)
    starts = [windows[0], *windows[cuts + 1]]
    ends = [*windows[cuts], windows[-1]]
    return [(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]


def _ramps(num: int, start: int, end: int) -> np.ndarray:
    """Return 0..1 for each window: it rises before the start and falls after the end."""
    attack, release = ATTACK_S * RATE / WINDOW, RELEASE_S * RATE / WINDOW
    return np.interp(np.arange(num), [start - attack, start, end, end + release], [0, 1, 1, 0])
