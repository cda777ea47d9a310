"""Choose the device that scores clips: a GPU that is free or faster than the CPU, measured once at the start."""

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from models.memory import free_caches, is_out_of_memory
from models.protocols import FrameScorer

log = logging.getLogger(__name__)

FRAMES = np.random.default_rng(0).integers(0, 256, (8, 480, 832, 3), dtype=np.uint8)
"""A clip's scored frames: what a score costs depends on their number, and hardly on their size."""
ROUNDS = 3
FREE_SHARE = 0.9
"""Share of a GPU's memory that is unused if no model is loaded on it."""
RESERVE = 1e9
"""Bytes of a GPU's memory that scoring leaves to generation."""
WORKING_SHARE = 3
"""Memory that scoring needs, as a multiple of the size of its weights."""


class GpuMemory(NamedTuple):
    """Memory of a GPU in bytes."""

    free: int
    total: int


class Choice(NamedTuple):
    """Where to score, and why, as one sentence for the log."""

    device: str
    reason: str


class Timing(NamedTuple):
    """Measured time of a score.

    Attributes:
        is_free: no model is loaded on the device, so scoring there takes nothing from generation.
    """

    device: str
    seconds: float
    is_free: bool = False


def choose(cpu: Timing, gpu: Timing) -> Choice:
    """Return the GPU if it is free or faster than the CPU; otherwise the CPU."""
    times = f"{gpu.seconds * 1000:.0f} ms a clip on {gpu.device}, {cpu.seconds * 1000:.0f} ms on the CPU"
    if gpu.is_free:
        return Choice(gpu.device, f"{gpu.device} scores the clips, because no model is loaded on it ({times}).")
    if gpu.seconds < cpu.seconds:
        return Choice(gpu.device, f"{gpu.device} scores the clips while it generates, which is faster ({times}).")
    return Choice("cpu", f"The CPU scores the clips, because {gpu.device} is busy and slower ({times}).")


def open_where_it_pays(
    open_on: Callable[[str], FrameScorer],
    gpus: Sequence[str],
    memory_of: Callable[[str], GpuMemory],
    weights_bytes: float,
) -> FrameScorer:
    """Open a scorer on the device where it pays, and log the decision once.

    Two scores are in progress at a time while the device generates the next clips, on a GPU in a stream of their own.

    Args:
        open_on: opens the scorer on a device.
        gpus: CUDA devices that this process may use; without any, nothing is measured.
        memory_of: returns the memory of a CUDA device.
        weights_bytes: size of the scorer's weights.
    """
    on_cpu = open_on("cpu")
    needed = WORKING_SHARE * weights_bytes + RESERVE
    memory = {gpu: memory_of(gpu) for gpu in gpus}
    roomy = [gpu for gpu in gpus if memory[gpu].free >= needed]
    if not roomy:
        log.info("The CPU scores the clips, because %s.", _no_room(memory, needed))
        return on_cpu
    gpu = max(roomy, key=lambda name: memory[name].free / memory[name].total)
    try:
        on_gpu = open_on(gpu)
        timing = Timing(gpu, seconds_a_clip(on_gpu), memory[gpu].free >= FREE_SHARE * memory[gpu].total)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        free_caches()
        log.info("The CPU scores the clips, because %s ran out of memory.", gpu)
        return on_cpu
    choice = choose(Timing("cpu", seconds_a_clip(on_cpu)), timing)
    log.info("%s", choice.reason)
    if choice.device == gpu:
        return on_gpu
    del on_gpu
    free_caches()
    return on_cpu


def seconds_a_clip(scorer: FrameScorer) -> float:
    """Return the median time in seconds for the frames of one clip, after a first call that warms up."""
    times = []
    for _ in range(1 + ROUNDS):
        started = time.perf_counter()
        scorer.embed_frames(FRAMES)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def _no_room(memory: dict[str, GpuMemory], needed: float) -> str:
    if not memory:
        return "this process does not use a GPU"
    free = ", ".join(f"{name} {each.free / 1e9:.1f} GB" for name, each in memory.items())
    return f"scoring needs {needed / 1e9:.1f} GB of GPU memory; free memory: {free}"
