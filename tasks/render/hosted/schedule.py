"""Run the steps of many jobs when they are due, on a few threads."""

import heapq
import itertools
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import NamedTuple

from tasks.render.hosted.fetching import Result
from tasks.render.hosted.flight import Flight, Step, ToFetch

THREADS = 16
"""Concurrent steps. Each takes milliseconds to seconds, because it sends a request or waits for a commit."""


class Finished(NamedTuple):
    """The result of a job's step, or the error that it raised."""

    flight: Flight
    result: Result | BaseException


class Schedule:
    """Steps that wait for their time, and those in progress; used by the lane's thread, except for ``put``."""

    def __init__(self, do: Callable[[Flight], Result]) -> None:
        self._do = do
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="provider")
        self._waiting: list[tuple[float, int, Flight]] = []
        self._numbers = itertools.count()
        self._finished: queue.SimpleQueue[Finished] = queue.SimpleQueue()

    def add(self, flight: Flight, step: Step, after_s: float = 0.0) -> None:
        """Do a step of a job in ``after_s`` seconds."""
        flight.step = step
        heapq.heappush(self._waiting, (time.monotonic() + after_s, next(self._numbers), flight))

    def start_due(self) -> float | None:
        """Start the steps that are due; return the seconds until the next one, or None if none waits."""
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            flight = heapq.heappop(self._waiting)[2]
            self._pool.submit(copy_context().run, self._work, flight)
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None

    def hurry(self) -> None:
        """Do the steps of jobs that wait for room in the account now, because there may be some."""
        now = time.monotonic()
        self._waiting = [(now if flight.waits else at, number, flight) for at, number, flight in self._waiting]
        heapq.heapify(self._waiting)

    def put(self, flight: Flight, result: Result) -> None:
        """Pass on the result of work that was done elsewhere, from any thread."""
        self._finished.put(Finished(flight, result))

    def results(self, wait_s: float) -> list[Finished]:
        """Return the results so far; wait up to ``wait_s`` for the first one."""
        found: list[Finished] = []
        with suppress(queue.Empty):
            found.append(self._finished.get(timeout=wait_s) if wait_s > 0 else self._finished.get_nowait())
            while True:
                found.append(self._finished.get_nowait())
        return found

    def drop_waiting(self) -> list[Flight]:
        """Return the jobs whose steps wait, and forget them."""
        flights, self._waiting = [flight for *_, flight in self._waiting], []
        return flights

    def close(self) -> None:
        """Wait for the steps in progress: an answer that is on its way contains the reference of a paid job."""
        self._pool.shutdown()

    def _work(self, flight: Flight) -> None:
        """Do a step, and then directly that of the job that gets the freed place at the provider."""
        following: Flight | None = flight
        while following is not None:
            flight = following
            try:
                result: Result | BaseException = self._do(flight)
            except BaseException as error:  # noqa: BLE001 - raised again in the lane's thread
                result = error
            following = result.successor if isinstance(result, ToFetch) else None
            self._finished.put(Finished(flight, result))
