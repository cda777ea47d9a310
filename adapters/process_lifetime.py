"""Processes that end with the one that started them, however that ends (Linux, prctl(2))."""

import ctypes
import os
import signal
import sys
from collections.abc import Collection
from contextlib import suppress

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ROUNDS = 50


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask to be sent this signal when the thread that started this process dies; call in the child itself."""
    _prctl(PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that none of them escapes."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def kill_descendants(spared: Collection[int] = ()) -> None:
    """Kill all descendants of this process and reap them, but the children ``spared`` and what descends from those."""
    me = psutil.Process()
    for _ in range(ROUNDS):  # one may fork between being found and being killed
        children = [child for child in me.children() if child.pid not in spared]
        if not children:
            return
        for process in [*children, *(each for child in children for each in _below(child))]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for child in children:
            with suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


def _below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
