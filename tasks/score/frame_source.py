"""Frames for checks and scores: in memory, or decoded from a file when they are needed."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np


class FrameSource(Protocol):
    """The frames of one clip; can be iterated several times. ``VideoFile`` and ``ArrayFrames`` are sources."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        ...

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        ...

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        ...

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames, uint8 (height, width, 3), RGB."""
        ...

    def at(self, indices: Iterable[int]) -> np.ndarray:
        """Return the frames with these indices, uint8 (n, height, width, 3)."""
        ...


class ArrayFrames:
    """Frames in memory, uint8 (n, height, width, 3)."""

    def __init__(self, frames: np.ndarray, fps: float) -> None:
        self._frames = frames
        self._fps = fps

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self._frames.shape[1:3]
        return int(height), int(width)

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self._frames) / self._fps

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames, uint8 (height, width, 3), RGB."""
        return iter(self._frames)

    def at(self, indices: Iterable[int]) -> np.ndarray:
        """Return the frames with these indices, uint8 (n, height, width, 3)."""
        result: np.ndarray = self._frames[np.asarray(list(indices))]
        return result
