"""Loudness by EBU R 128, with FFmpeg's ebur128: of samples, and of a finished file after its AAC."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.soundtrack.decode import decode
from adapters.media.soundtrack.filtering import BLOCK, run_filters
from adapters.media.soundtrack.samples import RATE, fitted, is_silent

SHORTEST_S = 0.4
"""Length of a gating block. A shorter sound has no integrated loudness."""
ABSOLUTE_GATE = -70.0
"""In LUFS; quieter blocks do not count, so a sound without louder ones has no loudness."""
PEAK_DB = 20.0
"""Peaks are at most about this much louder than the loudness; a sound with lower ones than the gate's is inaudible."""
CLOSE = 0.8
"""Share of the tolerance from which on a file is corrected: the measurements of others may differ a little."""
HEADROOM_DB = 0.2
"""The AAC of most mixes raises peaks by less."""
_FILTER_TAIL = 64
"""Samples after which the filter that finds true peaks has seen everything. It measures whole blocks only."""


class Loudness(NamedTuple):
    """Loudness of a sound.

    Attributes:
        lufs: integrated loudness; None if it has none.
        true_peak_dbtp: highest true peak; None for silence.
        note: why it has no loudness, one sentence; empty if it has.
    """

    lufs: float | None
    true_peak_dbtp: float | None
    note: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether nobody can hear it. A short sound has no loudness, but may be heard."""
        return self.lufs is None and (self.true_peak_dbtp is None or self.true_peak_dbtp < ABSOLUTE_GATE + PEAK_DB)


class Aim(NamedTuple):
    """Wanted loudness in LUFS, and the highest true peak in dBTP."""

    lufs: float = -14.0
    true_peak_dbtp: float = -1.0


def measure(samples: np.ndarray, *, with_peak: bool = True) -> Loudness:
    """Measure samples, float (2, n) at 48 kHz.

    Args:
        with_peak: whether true peaks are found, which takes most of the time; without, the highest sample is returned.
    """
    if is_silent(samples):
        return Loudness(None, None, "The sound is silent.")
    padded = fitted(samples, -(-(samples.shape[1] + _FILTER_TAIL) // BLOCK) * BLOCK)
    kind = "true" if with_peak else "none"
    found = run_filters(padded, [("ebur128", f"metadata=1:peak={kind}")], keep=False).metadata
    highest = max(float(found[-1].get("lavfi.r128.true_peak", 0.0)), float(np.abs(samples).max()))
    peak = 20 * math.log10(highest)
    if samples.shape[1] < SHORTEST_S * RATE:
        return Loudness(None, peak, f"The sound is shorter than {SHORTEST_S} s, so it has no integrated loudness.")
    lufs = float(found[samples.shape[1] // BLOCK - 1]["lavfi.r128.I"])  # that of the last block without padding
    if lufs <= ABSOLUTE_GATE:
        return Loudness(None, peak, f"The sound is quieter than {ABSOLUTE_GATE:g} LUFS, so it has no loudness.")
    return Loudness(lufs, peak)


def measure_file(path: Path, *, is_own: bool = False) -> Loudness:
    """Measure the sound of a finished file as players decode it.

    Args:
        is_own: whether the file was just made here, so that only its headers are read before it is decoded.

    Raises:
        EncodingError: it cannot be read, or it has no sound.
    """
    return measure(decode(path, is_own=is_own))


def first_aim(wanted: Aim) -> Aim:
    """Return the aim of the first mix, whose peaks leave room for those that AAC adds."""
    return Aim(wanted.lufs, wanted.true_peak_dbtp - HEADROOM_DB)


def next_aim(measured: Loudness, wanted: Aim, used: Aim, tolerance: float = 0.5) -> Aim | None:
    """Return the aim for another mix whose file was not as wanted, or None if it was, or if there is no way to help.

    An encoder changes the loudness by some hundredths and raises peaks by some tenths of a decibel. The aim of the
    next mix is corrected by what the file missed.

    Args:
        measured: loudness of the encoded file.
        used: aim of the mix that it was encoded from.
        tolerance: of the loudness, in LU.
    """
    if measured.true_peak_dbtp is None:
        return None
    over_db = measured.true_peak_dbtp - wanted.true_peak_dbtp
    missing_lu = 0.0 if measured.lufs is None else wanted.lufs - measured.lufs
    if over_db <= 0 and abs(missing_lu) <= CLOSE * tolerance:
        return None
    peak = used.true_peak_dbtp - over_db - 0.1 if over_db > 0 else used.true_peak_dbtp
    return Aim(used.lufs + missing_lu, peak)
