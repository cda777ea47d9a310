"""A fake generator for tests of the steps around it.

It satisfies the same contract as the real ones (tests/contract/test_generator.py runs over all of them). The
registry never returns it: tests create it and pass it on.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from manifests.variant import Variant
from models.protocols import Generated


class FakeGenerator:
    """Paints a square that moves across a gradient, with colours derived from the variant's id.

    Args:
        failures: errors by variant id, yielded instead of frames.
        device_seconds: reported device time of each clip.

    Attributes:
        worked_s: sum of the reported device times; tests can move the clock of a device's meter by it.
    """

    def __init__(self, failures: Mapping[str, Exception] | None = None, device_seconds: float = 0.01) -> None:
        self.failures = dict(failures or {})
        self.device_seconds = device_seconds
        self.worked_s = 0.0
        self.closed = False

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Do nothing."""

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one item per variant, in order."""
        for variant in variants:
            failure = self.failures.get(variant.variant_id)
            self.worked_s += self.device_seconds
            yield failure or Generated(variant, paint(variant), 0.0, self.device_seconds)

    def close(self) -> None:
        """Record that the generator was closed."""
        self.closed = True


def paint(variant: Variant) -> np.ndarray:
    """Return uint8 (num_frames, height, width, 3), deterministic for a variant id."""
    rng = np.random.default_rng(int(variant.variant_id, 16))
    dark, light = rng.integers(20, 100, 3), rng.integers(130, 250, 3)
    ramp = np.linspace(0, 60, variant.width, dtype=np.float32)[None, None, :, None]
    shape = (variant.num_frames, variant.height, variant.width, 3)
    frames = np.broadcast_to(dark + ramp, shape).astype(np.uint8)
    side = max(2, min(variant.height, variant.width) // 3)
    for index, left in enumerate(np.linspace(0, variant.width - side, variant.num_frames).astype(int)):
        top = (variant.height - side) // 2
        frames[index, top : top + side, left : left + side] = light
    return frames
