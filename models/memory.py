"""Detect out-of-memory errors, free caches, and watch for memory growth.

This module does not import torch: if torch is not loaded, its errors cannot occur.
"""

import ctypes
import gc
import sys
from collections import deque
from contextlib import suppress

import numpy as np
import psutil

PHRASES = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "cannot allocate memory")
"""Phrases in messages of torch's allocators, cuBLAS and cuDNN, which may raise plain RuntimeErrors."""
WARM_UP = 8
"""Clips ignored after a start, while caches fill and buffers are allocated."""
MIN_CLIPS = 16
KEPT = 128
CERTAIN = 4.0
"""Standard errors by which a slope must exceed zero."""
HORIZON = 50
"""Number of clips for which the memory must suffice at the current growth."""
FULL = 0.92
"""Share of the capacity that is considered full."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the error is a failed allocation, on a device or in main memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in PHRASES)


def is_broken_device(error: BaseException) -> bool:
    """Return whether the device is no longer usable in this process, so that every later call would fail too."""
    return type(error).__name__ == "AcceleratorError" and not is_out_of_memory(error)


def free_caches() -> None:
    """Free memory kept for reuse: Python's reference cycles, torch's cached blocks, the C library's heap."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # not glibc: its heap cannot be trimmed
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def used_bytes(device: str) -> int:
    """Return the bytes in use: reserved bytes of a GPU, or resident bytes of this process."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return int(torch.cuda.memory_reserved(device))
    return int(psutil.Process().memory_info().rss)


def capacity_bytes(device: str) -> int:
    """Return the total bytes of the GPU's memory, or of main memory."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


class MemoryWatch:
    """Detects growth of the bytes in use after each clip that would exceed the capacity."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._seen = 0
        self._used: deque[int] = deque(maxlen=KEPT)

    def add(self, used: int) -> None:
        """Record the bytes in use after a clip."""
        self._seen += 1
        if self._seen > WARM_UP:
            self._used.append(used)

    def reset(self) -> None:
        """Discard all records after the worker was recycled."""
        self._seen = 0
        self._used.clear()

    @property
    def slope(self) -> float:
        """Growth in bytes per clip, by least squares over the last KEPT clips; 0 if it is not significant."""
        number = len(self._used)
        if number < MIN_CLIPS:
            return 0.0
        clips = np.arange(number) - (number - 1) / 2
        used = np.array(self._used, dtype=float)
        slope = float(clips @ used / (clips @ clips))
        rest = used - used.mean() - slope * clips
        error = float(np.sqrt(rest @ rest / (number - 2) / (clips @ clips)))
        return slope if slope > CERTAIN * error else 0.0

    @property
    def is_climbing(self) -> bool:
        """Whether memory will be full within HORIZON clips at the current growth."""
        slope = self.slope
        return slope > 0 and self._used[-1] + slope * HORIZON > FULL * self._capacity
