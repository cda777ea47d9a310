"""Memory: what ran out, how to free it, and whether it climbs.

Nothing here imports torch: where it is not loaded, no error of its own can turn up.
"""

import ctypes
import gc
import sys
from collections import deque
from contextlib import suppress

import numpy as np
import psutil

PHRASES = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "cannot allocate memory")
"""In messages of torch's allocators, cuBLAS and cuDNN, which raise plain RuntimeErrors too."""
WARM_UP = 8
"""Clips after a start that say nothing: caches fill, buffers are made."""
FEWEST = 16
KEPT = 128
CERTAIN = 4.0
"""Standard errors that a slope must lie above zero."""
HORIZON = 50
"""Clips ahead in which memory that climbs must not run out."""
FULL = 0.92
"""Share of the capacity that counts as full."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for an allocation that failed, on a device or in the machine's memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in PHRASES)


def is_broken_device(error: BaseException) -> bool:
    """True where a device is lost to this process: every later call would fail like this one."""
    return type(error).__name__ == "AcceleratorError" and not is_out_of_memory(error)


def free_caches() -> None:
    """Give back what is kept for reuse: Python's cycles, torch's cached blocks, the C library's heap."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # another C library keeps its heap
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def used_bytes(device: str) -> int:
    """Return what the worker holds: a GPU's reserved bytes, or this process's resident ones."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return int(torch.cuda.memory_reserved(device))
    return int(psutil.Process().memory_info().rss)


def capacity_bytes(device: str) -> int:
    """Return what the worker can have at most: the GPU's memory, or the machine's."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


class MemoryWatch:
    """Sees from the bytes in use after each clip that they climb towards the capacity."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._seen = 0
        self._used: deque[int] = deque(maxlen=KEPT)

    def add(self, used: int) -> None:
        """Note the bytes in use after one more clip."""
        self._seen += 1
        if self._seen > WARM_UP:
            self._used.append(used)

    def reset(self) -> None:
        """Forget everything: the worker was recycled."""
        self._seen = 0
        self._used.clear()

    @property
    def slope(self) -> float:
        """Bytes a clip, by least squares over the last KEPT clips; 0 while it is not certain."""
        number = len(self._used)
        if number < FEWEST:
            return 0.0
        clips = np.arange(number) - (number - 1) / 2
        used = np.array(self._used, dtype=float)
        slope = float(clips @ used / (clips @ clips))
        rest = used - used.mean() - slope * clips
        error = float(np.sqrt(rest @ rest / (number - 2) / (clips @ clips)))
        return slope if slope > CERTAIN * error else 0.0

    @property
    def is_climbing(self) -> bool:
        """True where the slope leads to a full memory within HORIZON clips."""
        slope = self.slope
        return slope > 0 and self._used[-1] + slope * HORIZON > FULL * self._capacity
