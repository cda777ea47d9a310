"""Time two implementations of the same work in turn, so that a busy machine slows both."""

import gc
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Times(NamedTuple):
    """Medians over the rounds, in seconds.

    Attributes:
        wall_s: Time from call to return.
        cpu_s: Processor time of all threads, and of child processes that ended during the call.
    """

    wall_s: float
    cpu_s: float


def interleaved(ours: Callable[[], Any], baseline: Callable[[], Any], rounds: int = 5) -> tuple[Times, Times]:
    """Call both in turn, ``rounds`` times each after one unmeasured call, and return the times of each."""
    taken: dict[Callable[[], Any], list[Times]] = {ours: [], baseline: []}
    for number in range(rounds + 1):
        for call, times in taken.items():
            found = timed(call)
            if number:
                times.append(found)
    return _median(taken[ours]), _median(taken[baseline])


def timed(call: Callable[[], Any]) -> Times:
    """Call once and return the times."""
    gc.collect()
    wall, cpu = time.perf_counter(), _cpu_s()
    call()
    return Times(time.perf_counter() - wall, _cpu_s() - cpu)


def _cpu_s() -> float:
    return sum(os.times()[:4])


def _median(times: list[Times]) -> Times:
    return Times(*(statistics.median(column) for column in zip(*times, strict=True)))
