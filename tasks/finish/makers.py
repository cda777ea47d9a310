"""Threads that make deliverables, behind the work of rendering."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import NamedTuple, Self

from adapters.catalogue import DeliverableLease
from manifests.finish.deliverable import FinishedFile

NICENESS = 10
"""Rendering goes first: threads of makers get the CPU time that it leaves."""
MOST = 8


class Made(NamedTuple):
    """What came of making a deliverable: a file, or an error."""

    lease: DeliverableLease
    file: FinishedFile | None = None
    error: BaseException | None = None


def number_of_makers(cores: int | None = None) -> int:
    """Return how many deliverables are made at the same time: one for two cores, since each one uses several."""
    return max(1, min(MOST, (cores or _cores()) // 2))


class Makers:
    """Makes deliverables in threads: PyAV and Skia release the GIL while they work.

    Args:
        make: makes one deliverable.
    """

    def __init__(self, make: Callable[[DeliverableLease], FinishedFile], number: int | None = None) -> None:
        self.number = number or number_of_makers()
        self._make = make
        self._pool = ThreadPoolExecutor(self.number, thread_name_prefix="finish", initializer=_be_nice)
        self._ended: SimpleQueue[Made] = SimpleQueue()
        self.leases: dict[str, DeliverableLease] = {}
        """The deliverables that are being made, or whose result was not fetched yet."""

    def start(self, lease: DeliverableLease) -> None:
        """Make a deliverable in the background."""
        self.leases[lease.deliverable_id] = lease
        self._pool.submit(copy_context().run, self._work, lease)

    @property
    def room(self) -> int:
        """How many more deliverables may be started, so that each thread has one and one that waits."""
        return max(0, 2 * self.number - len(self.leases))

    def next(self, timeout: float) -> Made | None:
        """Return the next result, in the order of completion; None if there is none within the time in seconds."""
        with suppress(Empty):
            made = self._ended.get(timeout=timeout)
            self.leases.pop(made.lease.deliverable_id, None)
            return made
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _work(self, lease: DeliverableLease) -> None:
        try:
            self._ended.put(Made(lease, self._make(lease)))
        except BaseException as error:  # noqa: BLE001 - handled where the result is used
            self._ended.put(Made(lease, None, error))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _be_nice() -> None:
    """Lower the priority of this thread. On Linux, this and the threads that it starts are affected, no others."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.nice(NICENESS)
