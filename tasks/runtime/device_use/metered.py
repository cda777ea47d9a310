"""A generator and a scorer whose work is measured by the meter of their device."""

from collections.abc import Iterator, Sequence

import numpy as np

from manifests.costs.device_use import UseKind
from manifests.variant import Variant
from models.protocols import FrameScorer, Generated, Generator
from tasks.runtime.device_use.meter import DeviceMeter


class MeteredGenerator:
    """A generator that measures each clip, whether it succeeds or fails, including the attempts that ran out of memory.

    Time between two clips, while their consumer works, does not count.
    """

    def __init__(self, generator: Generator, meter: DeviceMeter) -> None:
        self._generator = generator
        self._meter = meter

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Do the work that many variants share."""
        with self._meter.using(UseKind.OTHER):
            self._generator.prepare(variants)

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one item per variant, in order."""
        with self._meter.using(UseKind.GENERATE):
            items = iter(self._generator.generate(variants))
        while True:
            with self._meter.using(UseKind.GENERATE):
                item = next(items, None)
            if item is None:
                return
            yield item

    def close(self) -> None:
        """Free the device."""
        self._generator.close()


class MeteredScorer:
    """A scorer whose work is measured by the meter of the device on which it runs.

    Args:
        own: meter of the device whose shard is scored. It may be another device: a process has one scorer.
    """

    def __init__(self, scorer: FrameScorer, meter: DeviceMeter, own: DeviceMeter) -> None:
        self._scorer = scorer
        self.meter = meter
        self._own = own

    @property
    def name(self) -> str:
        """Name and revision of the weights."""
        return self._scorer.name

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        """Embed uint8 (n, height, width, 3) as float32 (n, d)."""
        with self.meter.using(UseKind.SCORE, self._own.cause):
            return self._scorer.embed_frames(frames)

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """Embed n prompts as float32 (n, d)."""
        with self.meter.using(UseKind.SCORE, self._own.cause):
            return self._scorer.embed_prompts(prompts)


def device_of(scorer: FrameScorer) -> str:
    """Return the device on which a scorer works; one without this attribute works on the CPU."""
    return str(getattr(scorer, "device", "cpu"))
