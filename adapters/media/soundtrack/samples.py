"""Samples of a soundtrack: their rate, lengths and conversion."""

from fractions import Fraction

import av
import numpy as np

from manifests.errors import EncodingError

RATE = 48_000
"""Samples per second of all soundtracks."""
MAX_S = 600.0
"""Longest sound in seconds: ten minutes take 230 MB."""
_FEW = 1e-9


def num_samples(seconds: float | Fraction) -> int:
    """Return the number of samples of a length in seconds, rounded."""
    return round(Fraction(seconds) * RATE)


def silence(num: int) -> np.ndarray:
    """Return so many samples of silence, float32 (2, num)."""
    return np.zeros((2, num), np.float32)


def as_stereo(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return samples of any rate with one or two channels as float32 (2, n) at 48 kHz; NaN becomes silence.

    Raises:
        EncodingError: they have another shape, or the rate is not positive.
    """
    if samples.ndim != 2 or samples.shape[0] not in (1, 2) or rate <= 0:
        raise EncodingError(f"Sound must have 1 or 2 channels and a rate, not the shape {samples.shape} at {rate} Hz.")
    both = np.nan_to_num(samples.astype(np.float32), posinf=1.0, neginf=-1.0)
    both = np.ascontiguousarray(np.repeat(both, 2, axis=0) if len(both) == 1 else both)
    return both if rate == RATE or not both.shape[1] else _resampled(both, rate)


def fitted(samples: np.ndarray, num: int) -> np.ndarray:
    """Return exactly so many samples: the rest is cut off, or silence is added."""
    if samples.shape[1] >= num:
        return samples[:, :num]
    return np.pad(samples, ((0, 0), (0, num - samples.shape[1])))


def is_silent(samples: np.ndarray) -> bool:
    """Return whether no sample differs from 0 by more than one of 30 bits."""
    return not samples.size or float(np.abs(samples).max()) < _FEW


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    parts = [part.to_ndarray() for given in (frame, None) for part in resampler.resample(given)]
    return fitted(np.concatenate(parts, axis=1), round(Fraction(samples.shape[1] * RATE, rate)))
