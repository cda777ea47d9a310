"""Work on many items in a few threads within a time limit."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    items: Sequence[T], work: Callable[[T], R], *, workers: int, limit_s: float
) -> Iterator[tuple[T, R | Exception]]:
    """Yield each item with its result or its exception, in the order in which they finish, until the time limit.

    The threads are daemons, so that a connection that hangs cannot delay Ctrl-C or the end of the program. After the
    time limit no new item is started.
    """
    todo: queue.SimpleQueue[T] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[T, R | Exception]] = queue.SimpleQueue()
    stopped = threading.Event()

    def run() -> None:
        while not stopped.is_set():
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((item, work(item)))
            except Exception as error:  # noqa: BLE001 - the caller decides what to do with it
                done.put((item, error))

    for item in items:
        todo.put(item)
    ends = time.monotonic() + limit_s
    for number in range(min(workers, len(items))):
        threading.Thread(target=run, daemon=True, name=f"download-{number}").start()
    try:
        for _ in items:
            try:
                yield done.get(timeout=max(0.0, ends - time.monotonic()))
            except queue.Empty:
                return
    finally:
        stopped.set()
