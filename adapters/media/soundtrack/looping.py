"""Trim music to a length, or loop it so that the join is not heard."""

import numpy as np

from adapters.media.soundtrack.samples import RATE

HOP = RATE // 200
"""5 ms: resolution of the search for a join."""
PATTERN_S = 2.0
"""Length of the beginning that is looked for near the end."""
FADE_S = 0.5
"""Length of the crossfade at a join."""
SEARCH = 0.4
"""Share of the music, from its end, in which a join may be."""
SILENT = 1e-9
"""Parts with less than this share of the energy are silent: differences of sums are not exact enough for them."""


def to_length(music: np.ndarray, num: int) -> np.ndarray:
    """Return exactly ``num`` samples of music, float32 (2, num): trimmed, or looped with crossfades.

    The join is where the end resembles the beginning most, first in its rhythm, then in its waveform.
    """
    music = _without_edges(music)
    if music.shape[1] >= num:
        return music[:, :num].astype(np.float32)
    fade = min(round(FADE_S * RATE), music.shape[1] // 4)
    period = _join(music, fade)
    return _looped(music, period, fade, num)


def _without_edges(music: np.ndarray) -> np.ndarray:
    """Cut silence at both ends, which would be heard as a gap."""
    loud = np.flatnonzero(np.abs(music).max(0) > 10 ** (-50 / 20) * max(float(np.abs(music).max()), 1e-9))
    return music[:, loud[0] : loud[-1] + 1] if len(loud) else music


def _looped(music: np.ndarray, period: int, fade: int, num: int) -> np.ndarray:
    made = np.zeros((2, num + period + fade), np.float64)
    part = music[:, : period + fade].astype(np.float64)
    rising, falling = _curves(music[:, :fade], music[:, period : period + fade])
    for start in range(0, num, period):
        piece = part.copy()
        if start:
            piece[:, :fade] *= rising
        piece[:, period:] *= falling
        made[:, start : start + period + fade] += piece
    return made[:, :num].astype(np.float32)


def _curves(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gains of a crossfade that keeps the level: it depends on how alike the two sounds are."""
    phase = np.linspace(0, 1, begin.shape[1])
    likeness = max(0.0, _correlation(begin, end))
    rising, falling = np.sin(phase * np.pi / 2) ** 2, np.cos(phase * np.pi / 2) ** 2
    level = np.sqrt(rising**2 + falling**2 + 2 * likeness * rising * falling)
    return rising / level, falling / level


def _join(music: np.ndarray, fade: int) -> int:
    """Return the period of the loop in samples: the music from there on is replaced by its beginning."""
    latest = music.shape[1] - fade
    earliest = max(int(latest * (1 - SEARCH)), fade + 1)
    envelope = _novelty(music)
    pattern = envelope[: max(2, min(int(PATTERN_S * RATE), latest // 4) // HOP)]
    places = np.arange(earliest // HOP, max(latest // HOP, earliest // HOP + 1))
    scores = np.zeros(len(places))  # parts that the end cuts are no candidates
    found = _correlations(pattern, envelope[places[0] :])[: len(places)]
    scores[: len(found)] = found
    return _aligned(music, int(places[int(np.argmax(scores))]) * HOP, fade, latest)


def _novelty(music: np.ndarray) -> np.ndarray:
    """Return how much louder each 5 ms are than those before: beats."""
    num = music.shape[1] // HOP
    levels = np.log1p(50 * np.abs(music[:, : num * HOP]).mean(0).reshape(num, HOP).mean(1))
    return np.asarray(np.maximum(0.0, np.diff(levels, prepend=levels[:1])))


def _aligned(music: np.ndarray, period: int, fade: int, latest: int) -> int:
    """Return the period within 10 ms at which the waveforms match best."""
    mono = music.mean(0)
    places = [place for place in range(period - 2 * HOP, period + 2 * HOP, 4) if fade < place <= latest]
    if not places:
        return latest
    scores = _correlations(mono[:fade:2], mono[places[0] : places[-1] + fade : 2])[::2]
    return places[int(np.argmax(scores))]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the normalised correlation of two arrays, -1..1; 0 if their lengths differ or one is silent."""
    if one.shape != other.shape:
        return 0.0
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / norm if norm else 0.0


def _correlations(pattern: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Return the normalised correlation of a pattern with each part of a signal that is as long; 0 for silent parts."""
    if not len(pattern) or len(signal) < len(pattern):
        return np.zeros(max(0, len(signal) - len(pattern) + 1))
    pattern, signal = pattern.astype(np.float64), signal.astype(np.float64)
    products = np.correlate(signal, pattern, "valid")
    sums = np.concatenate([[0.0], np.cumsum(signal**2)])
    energies = sums[len(pattern) :] - sums[: -len(pattern)]
    own = float((pattern**2).sum())
    is_heard = (energies > SILENT * sums[-1]) & (own > 0)
    norms = np.sqrt(own * np.where(is_heard, energies, 1.0))
    found: np.ndarray = np.divide(products, norms, out=np.zeros_like(products), where=is_heard)
    return found
