"""Many simulated workers on few connections, as with a pooler: each process runs its share of the workers."""

import heapq
import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Engine, create_engine

from adapters.catalogue.catalogue import Catalogue
from adapters.catalogue.core.database import Database
from adapters.catalogue.core.engine import build_engine
from benchmarks.fanout import forks
from benchmarks.fanout.worker import Backlog, Notes, Slice, Worker

LOCK_TIMEOUT_S = 30.0
READY_S = 120.0
Routine = Iterator[float]
Act = Callable[[Catalogue, Notes, "Order"], None]


class Order(NamedTuple):
    """Instructions for one process.

    Attributes:
        names: Its workers. If empty, the process calls ``act`` in a loop instead.
        connections: Largest number of concurrent calls.
        seconds: Duration.
        clip_s: See Worker.
        slices: The variants that its workers process.
        are_new: See Worker. New workers all start together and do not run long enough to renew a lease.
        act: What each connection calls in a loop.
    """

    url: str
    names: tuple[str, ...]
    connections: int
    seconds: float
    clip_s: float = 0.0
    slices: tuple[Slice, ...] = ()
    are_new: bool = False
    act: Act | None = None


class Report(NamedTuple):
    """Measurements of one process. ``late`` lists how many seconds after its due time each step started."""

    notes: Notes
    cpu_s: float
    late: list[float]


class Crowd(NamedTuple):
    """Measurements of all processes over ``seconds``."""

    reports: tuple[Report, ...]
    seconds: float

    @property
    def leases(self) -> int:
        """Number of leased variants."""
        return self.count("leased")

    @property
    def cpu_s(self) -> float:
        """Processor time of the simulated workers, in seconds."""
        return sum(report.cpu_s for report in self.reports)

    def count(self, name: str) -> int:
        """Return the total of a counter over all processes."""
        return sum(report.notes.counts[name] for report in self.reports)

    def calls(self, name: str) -> int:
        """Return the number of calls of this name."""
        return sum(len(report.notes.seconds.get(name, ())) for report in self.reports)

    def ms(self, name: str, percent: float) -> float:
        """Return a percentile of the duration of a call, in milliseconds."""
        return _percentile([one for report in self.reports for one in report.notes.seconds.get(name, ())], percent)

    def late_ms(self, percent: float) -> float:
        """Return a percentile of the delay of steps, in milliseconds."""
        return _percentile([one for report in self.reports for one in report.late], percent)


def send(orders: Sequence[Order], around: AbstractContextManager[Any] | None = None) -> Crowd:
    """Start the processes together and return their measurements. ``around`` is entered once all are ready."""
    context = forks.context()
    ready, found = context.Barrier(len(orders) + 1), context.SimpleQueue()
    processes = [context.Process(target=_serve, args=(order, ready, found), daemon=True) for order in orders]
    for process in processes:
        process.start()
    try:
        ready.wait(READY_S)
        with around or nullcontext():
            began = time.monotonic()
            ready.wait(READY_S)
            reports = [found.get() for _ in processes]
            seconds = time.monotonic() - began
            for process in processes:
                process.join(READY_S)
    except threading.BrokenBarrierError:
        reports = [f"not all processes were ready within {READY_S:g} s" if found.empty() else found.get()]
    if errors := [report for report in reports if isinstance(report, str)]:
        raise RuntimeError(f"a simulated worker failed: {errors[0]}")
    return Crowd(tuple(reports), seconds)


def _serve(order: Order, ready: Any, found: Any) -> None:
    try:
        with Catalogue(Database(_engine(order))) as catalogue:
            crew = Crew(order, catalogue)
            crew.warm_up()
            ready.wait(READY_S)
            ready.wait(READY_S)
            report = crew.work()
        found.put(report)
    except BaseException as error:
        found.put(f"{type(error).__name__}: {error}")
        ready.abort()
        raise


def _engine(order: Order) -> Engine:
    """Return the engine of adapters/catalogue, but with one pooled connection for each thread."""
    engine = build_engine(order.url, LOCK_TIMEOUT_S)
    return create_engine(
        engine.url,
        pool_pre_ping=True,
        pool_size=order.connections,
        max_overflow=0,
        connect_args={"options": f"-c lock_timeout={int(LOCK_TIMEOUT_S * 1000)} -c synchronous_commit=on"},
    )


class Crew:
    """The threads of a process. Each thread runs the step that is due next, of any worker."""

    def __init__(self, order: Order, catalogue: Catalogue) -> None:
        self._order, self._catalogue = order, catalogue
        self._notes, self._late = Notes(), list[float]()
        self._lock = threading.Lock()
        backlog = Backlog(order.slices)
        workers = [Worker(name, catalogue, backlog, self._notes, order.clip_s, order.are_new) for name in order.names]
        self._routines = [worker.renders() for worker in workers]
        self._routines += [worker.beats() for worker in workers if not order.are_new]
        self._due: list[tuple[float, int, Routine]] = []
        self._ends = 0.0
        self._failure: BaseException | None = None

    def warm_up(self) -> None:
        """Open all connections and advance each worker to its first step."""
        self._in_threads(self._catalogue.runs.live)
        waiting = deque(enumerate(self._routines))
        self._in_threads(partial(self._start_routines, waiting))
        self._raise_failure()
        heapq.heapify(self._due)
        self._notes.forget()

    def work(self) -> Report:
        """Carry out the order."""
        began = time.monotonic()
        self._ends = began + self._order.seconds
        self._due = [(began + due, number, routine) for due, number, routine in self._due]
        cpu = _cpu_s()
        self._in_threads(self._act if self._order.act else self._run_steps)
        self._raise_failure()
        return Report(self._notes, _cpu_s() - cpu, self._late)

    def _start_routines(self, waiting: deque[tuple[int, Routine]]) -> None:
        with suppress(IndexError):
            while True:
                number, routine = waiting.popleft()
                for pause in routine:
                    self._due.append((pause, number, routine))
                    break

    def _raise_failure(self) -> None:
        if self._failure:
            raise self._failure

    def _in_threads(self, target: Callable[[], Any]) -> None:
        threads = [
            threading.Thread(target=self._guarded, args=(target,), daemon=True) for _ in range(self._order.connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _guarded(self, target: Callable[[], Any]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - the process reports it
            self._failure = error

    def _act(self) -> None:
        assert self._order.act is not None
        while time.monotonic() < self._ends and not self._failure:
            self._order.act(self._catalogue, self._notes, self._order)

    def _run_steps(self) -> None:
        while (step := self._next()) and not self._failure:
            due, number, routine = step
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now >= self._ends:
                return
            self._late.append(now - due)
            for pause in routine:
                with self._lock:
                    heapq.heappush(self._due, (time.monotonic() + pause, number, routine))
                break

    def _next(self) -> tuple[float, int, Routine] | None:
        with self._lock:
            return heapq.heappop(self._due) if self._due and self._due[0][0] < self._ends else None


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) * 1000 if values else 0.0


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
