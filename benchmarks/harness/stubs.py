"""A sleeping device and a scorer that accepts everything. They leave only the work of the other steps to measure."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import tasks.runtime.devices
import tasks.runtime.resources
from manifests.variant import Variant
from models.fake import paint
from models.protocols import Generated
from tasks.runtime.resources import close_resources

CLIP_S = "REELMILL_BENCHMARK_CLIP_S"
"""Environment variable with the seconds that the sleeping device needs for a clip."""


class Agreeable:
    """A scorer that gives every picture the highest score."""

    name = "agreeable@1"

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        """Embed frames: uint8 (n, height, width, 3) -> float32 (n, 1)."""
        return np.ones((len(frames), 1), dtype=np.float32)

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """Embed n prompts: float32 (n, 1)."""
        return np.ones((len(prompts), 1), dtype=np.float32)


class Sleeper:
    """A generator that needs ``clip_s`` seconds for a clip, including painting it, and sleeps most of the time."""

    def __init__(self, clip_s: float) -> None:
        self._clip_s = clip_s

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Do nothing: clips share no work."""

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one item for each variant, in order."""
        for variant in variants:
            began = time.monotonic()
            frames = paint(variant)
            time.sleep(max(0.0, began + self._clip_s - time.monotonic()))
            yield Generated(variant, frames, 0.0, time.monotonic() - began)

    def close(self) -> None:
        """Do nothing: the stub holds no resources."""


def install() -> None:
    """Make the steps of this process open these two stubs for every card."""
    vars(tasks.runtime.devices).update(open_generator=lambda *_, **__: Sleeper(float(os.environ[CLIP_S])))
    vars(tasks.runtime.resources).update(open_scorer=lambda *_, **__: Agreeable())


@contextmanager
def opening(generator: Callable[..., Any], scorer: Callable[..., Any]) -> Iterator[None]:
    """Let the steps of this process call these functions to open generators and scorers during the block."""
    devices, resources = vars(tasks.runtime.devices), vars(tasks.runtime.resources)
    before = devices["open_generator"], resources["open_scorer"]
    close_resources()
    devices["open_generator"], resources["open_scorer"] = generator, scorer
    try:
        yield
    finally:
        devices["open_generator"], resources["open_scorer"] = before
        close_resources()
