"""A generator without a model, for tests of the steps around it.

It keeps the contract of the real ones (tests/contract/test_generator.py runs over all). The registry
never opens it: whoever wants it makes one and hands it on.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from manifests.variant import Variant
from models.protocols import Generated


class FakeGenerator:
    """Paints a square that drifts over a gradient, both in colours from the variant's id.

    Args:
        failures: errors by variant id, yielded in place of frames.
        device_seconds: what each clip claims to have cost.
    """

    def __init__(self, failures: Mapping[str, Exception] | None = None, device_seconds: float = 0.01) -> None:
        self.failures = dict(failures or {})
        self.device_seconds = device_seconds
        self.closed = False

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Nothing is shared."""

    def generate(self, variants: Sequence[Variant], draft: bool = False) -> Iterator[Generated | Exception]:
        """Yield one item a variant, in order; a draft is painted like its final."""
        for variant in variants:
            failure = self.failures.get(variant.variant_id)
            yield failure or Generated(variant, paint(variant), 0.0, self.device_seconds)

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True


def paint(variant: Variant) -> np.ndarray:
    """uint8 (num_frames, height, width, 3); the same for the same variant id."""
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
