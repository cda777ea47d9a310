"""A device that sleeps and a scorer that agrees: what is left of a clip is the work of the steps around them."""

import os
import time
from collections.abc import Iterator, Sequence

import numpy as np

import tasks.runtime.resources
from manifests.variant import Variant
from models.fake import paint
from models.protocols import Generated

CLIP_S = "REELMILL_BENCHMARK_CLIP_S"
"""Name in the environment: what a clip takes the sleeping device, seconds."""


class Agreeable:
    """A scorer that finds every picture fitting."""

    name = "agreeable@1"

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        """uint8 (n, height, width, 3) -> float32 (n, 1)."""
        return np.ones((len(frames), 1), dtype=np.float32)

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """n prompts -> float32 (n, 1)."""
        return np.ones((len(prompts), 1), dtype=np.float32)


class Sleeper:
    """A generator whose clip takes ``clip_s`` seconds without a processor, painting it included."""

    def __init__(self, clip_s: float) -> None:
        self._clip_s = clip_s

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Nothing is shared."""

    def generate(self, variants: Sequence[Variant], draft: bool = False) -> Iterator[Generated | Exception]:
        """Yield one item a variant, in order."""
        for variant in variants:
            began = time.monotonic()
            frames = paint(variant)
            time.sleep(max(0.0, began + self._clip_s - time.monotonic()))
            yield Generated(variant, frames, 0.0, time.monotonic() - began)

    def close(self) -> None:
        """Nothing is held."""


def install() -> None:
    """Let this process's steps open these two, whatever the card."""
    vars(tasks.runtime.resources).update(
        open_generator=lambda *_, **__: Sleeper(float(os.environ[CLIP_S])), open_scorer=lambda *_, **__: Agreeable()
    )
