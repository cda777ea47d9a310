"""Bring samples to a loudness without exceeding a true peak."""

from typing import NamedTuple

import numpy as np

from adapters.media.soundtrack.filtering import run_filters
from adapters.media.soundtrack.loudness import Aim, Loudness, measure
from adapters.media.soundtrack.samples import RATE, fitted, is_silent

LIMITER_RATE = 192_000
"""True peaks are peaks between samples, which four times as many samples show."""
SINGLE = "internal_sample_fmt=fltp"
"""Resampling in single precision takes an eighth of the time of the limiter less. For 5 s of loud music, the samples
differed by 1.2e-7 at most, which is the precision of the result."""
MAX_GAIN_DB = 40.0
"""Sound that would need more gain than this is noise."""
PASSES = 8
CLOSE_LU = 0.1
CLOSE_DB = 0.02


class Mastered(NamedTuple):
    """Samples, float32 (2, n) at 48 kHz, and what people should know: one sentence each."""

    samples: np.ndarray
    notes: tuple[str, ...] = ()


def master(samples: np.ndarray, aim: Aim, tolerance: float = 0.3) -> Mastered:
    """Return as many samples with the wanted loudness and no true peak over the limit.

    The limiter takes loudness away, so the gain is corrected until the result is close. Sound without loudness,
    because it is too short or too quiet, is only limited.

    Args:
        tolerance: in LU; a larger difference is noted.
    """
    if is_silent(samples):
        return Mastered(samples.astype(np.float32), ("The sound is silent.",))
    first = measure(samples, with_peak=False)
    if first.lufs is None:
        return Mastered(limited(samples, 0.0, aim.true_peak_dbtp).samples, (first.note,))
    return _closed_in(samples, aim, aim.lufs - first.lufs, tolerance)


class Limited(NamedTuple):
    """Limited samples, float32 (2, n) at 48 kHz, and what was measured of them."""

    samples: np.ndarray
    loudness: Loudness


def limited(samples: np.ndarray, gain_db: float, true_peak_dbtp: float) -> Limited:
    """Amplify samples and limit their true peaks.

    Resampling after the limiter moves peaks a little, so its limit is lowered by what they exceed.
    """
    louder = (samples * 10 ** (gain_db / 20)).astype(np.float32)
    limit_db = true_peak_dbtp
    for _ in range(PASSES):
        made = _limited_once(louder, limit_db)
        found = measure(made)
        over_db = (found.true_peak_dbtp or -120.0) - true_peak_dbtp
        if over_db <= CLOSE_DB:
            break
        limit_db -= over_db
    return Limited(made, found)


def _closed_in(samples: np.ndarray, aim: Aim, gain_db: float, tolerance: float) -> Mastered:
    for _ in range(PASSES):
        capped_db = min(gain_db, MAX_GAIN_DB)
        made, found = limited(samples, capped_db, aim.true_peak_dbtp)
        lufs = found.lufs
        missing_lu = 0.0 if lufs is None else aim.lufs - lufs
        if abs(missing_lu) <= CLOSE_LU or (gain_db >= MAX_GAIN_DB and missing_lu > 0):
            break
        gain_db = capped_db + missing_lu
    if abs(missing_lu) <= tolerance:
        return Mastered(made)
    return Mastered(
        made,
        (
            f"The sound has {aim.lufs - missing_lu:.1f} LUFS instead of {aim.lufs:g} LUFS: its peaks are much louder "
            "than the rest.",
        ),
    )


def _limited_once(samples: np.ndarray, limit_db: float) -> np.ndarray:
    limit = max(10 ** (limit_db / 20), 0.0625)  # the filter accepts no lower limit
    filters = [
        ("aresample", f"{LIMITER_RATE}:{SINGLE}"),
        ("alimiter", f"limit={limit:.6f}:attack=5:release=50:level=0:latency=1"),
        ("aresample", f"{RATE}:{SINGLE}"),
        ("aformat", "sample_fmts=fltp:channel_layouts=stereo"),
    ]
    return fitted(run_filters(samples, filters).samples.astype(np.float32), samples.shape[1])
