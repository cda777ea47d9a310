"""Choose the rate control of the encoder, so that a file meets the limits of its placement. Pure arithmetic."""

from typing import NamedTuple

from manifests.placements.preset import PlacementPreset

CRF = 20
"""x264's constant rate factor of deliverables: the master, at crf 18, has been encoded before."""
AUDIO_KBPS = 192
"""Bitrate of the AAC track."""
MARGIN = 0.1
"""Constant bitrates end up to 2 % below their target, so the floor is aimed at 10 % higher."""
BELOW_CEILING = 0.95
CREDENTIAL_BYTES = 96 * 1024
"""What signing adds: about 27 KB with components, and metadata. It counts for ceilings, not for floors."""
LEAST_KBPS = 100


class RateControl(NamedTuple):
    """Settings of x264.

    Attributes:
        crf: constant quality; None if only the bitrate counts.
        kbps: None for constant quality without a limit. With a crf, the highest bitrate; otherwise the average.
        is_constant: whether the bitrate is kept exactly with filler data, to reach a floor.
    """

    crf: int | None = CRF
    kbps: int | None = None
    is_constant: bool = False


class Measured(NamedTuple):
    """A file that was made with a rate control."""

    size: int
    seconds: float

    @property
    def kbps(self) -> float:
        """Bitrate of the whole file in kbit/s."""
        return self.size * 8 / self.seconds / 1000


def next_rate(rate: RateControl, made: Measured, preset: PlacementPreset, audio_kbps: int) -> RateControl | None:
    """Return settings for another attempt, or None if the file is within the limits."""
    low, high = _limits(made.seconds, preset)
    if low is not None and made.kbps < low:
        return _raised(rate, made.kbps, low, high, audio_kbps)
    if high is not None and made.kbps > high:
        return _lowered(rate, made.kbps, high, audio_kbps)
    return None


def _limits(seconds: float, preset: PlacementPreset) -> tuple[float | None, float | None]:
    """Return the lowest and the highest bitrate of the unsigned file in kbit/s."""
    floors = [preset.min_kbps, _kbps(preset.min_bytes, seconds)]
    credential = CREDENTIAL_BYTES * 8 / seconds / 1000
    ceilings = [limit - credential for limit in (preset.max_kbps, _kbps(preset.max_bytes, seconds)) if limit]
    return max((floor for floor in floors if floor), default=None), min(ceilings, default=None)


def _kbps(size: int | None, seconds: float) -> float | None:
    return None if size is None else size * 8 / seconds / 1000


def _raised(rate: RateControl, found: float, low: float, high: float | None, audio_kbps: int) -> RateControl:
    goal = low * (1 + MARGIN) - audio_kbps
    if rate.is_constant and rate.kbps:
        goal = rate.kbps + (low * (1 + MARGIN / 2) - found)
    most = float("inf") if high is None else high * BELOW_CEILING - audio_kbps
    return RateControl(None, max(LEAST_KBPS, round(min(goal, most))), True)


def _lowered(rate: RateControl, found: float, high: float, audio_kbps: int) -> RateControl:
    goal = high * BELOW_CEILING - audio_kbps
    if rate.kbps:
        goal = min(goal, rate.kbps * high * BELOW_CEILING / found)
    return RateControl(None, max(LEAST_KBPS, round(goal)), False)
