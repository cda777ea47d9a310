"""A stub device that records independently how long it works, even if its process is killed."""

import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from manifests.errors import GenerationError
from manifests.variant import Variant
from models.fake import paint
from models.protocols import Generated

STEP_S = 0.002
INTERVAL = struct.Struct("<dd")
KINDS = ("load", "other", "generate", "score")


class DeviceRecord:
    """Intervals of work in a folder: one file each, whose end is rewritten while the work lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    @contextmanager
    def working(self, kind: str) -> Iterator[float]:
        """Record the block as work; yield its start."""
        self._number += 1
        began = time.monotonic()
        handle = os.open(
            self._folder / f"{kind}-{os.getpid()}-{self._number}-{time.monotonic_ns()}", os.O_CREAT | os.O_RDWR
        )
        try:
            os.pwrite(handle, INTERVAL.pack(began, began), 0)
            self._handle = handle
            yield began
            os.pwrite(handle, INTERVAL.pack(began, time.monotonic()), 0)
        finally:
            os.close(handle)

    def work(self, kind: str, seconds: float) -> None:
        """Work for so many seconds."""
        with self.working(kind) as began:
            handle = self._handle
            while (now := time.monotonic()) < began + seconds:
                os.pwrite(handle, INTERVAL.pack(began, now), 0)
                time.sleep(STEP_S)


def intervals(folder: Path, kind: str = "") -> list[tuple[float, float]]:
    """Return the recorded intervals of a kind, or all."""
    contents = (path.read_bytes() for path in folder.iterdir() if path.name.startswith(kind))
    return sorted(INTERVAL.unpack(each) for each in contents if len(each) == INTERVAL.size)  # type: ignore[misc]


def busy_seconds(folder: Path, kind: str = "") -> float:
    """Return for how long the device worked; what it did at the same time counts once."""
    total, until = 0.0, 0.0
    for began, ended in intervals(folder, kind):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


class RecordedModel:
    """A generator that needs ``clip_s`` for a clip, and fails for prompts that contain "broken" after half of it."""

    def __init__(self, record: DeviceRecord, clip_s: float) -> None:
        self._record = record
        self._clip_s = clip_s
        record.work("load", clip_s / 2)

    def prepare(self, variants: Sequence[Variant]) -> None:
        self._record.work("other", self._clip_s / 10)

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        for variant in variants:
            if "broken" in variant.prompt:
                self._record.work("generate", self._clip_s / 2)
                yield GenerationError("out of memory")
                continue
            self._record.work("generate", self._clip_s)
            yield Generated(variant, paint(variant), 0.0, self._clip_s)

    def close(self) -> None:
        pass


class RecordedScorer:
    """A scorer on the same device."""

    name = "recorded@1"
    device = "cpu"

    def __init__(self, record: DeviceRecord, seconds: float) -> None:
        self._record = record
        self._seconds = seconds

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        self._record.work("score", self._seconds)
        return np.ones((len(frames), 1), dtype=np.float32)

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        return np.ones((len(prompts), 1), dtype=np.float32)
