"""Tie the lifetime of child processes to their parent, however it ends (Linux, prctl(2))."""

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
    """Have this signal sent when the thread that started this process dies; call it in the child."""
    _prctl(PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that none of them escapes."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def kill_descendants(spared: Collection[int] = ()) -> None:
    """Kill and reap all descendants of this process, except the children in ``spared`` and their descendants."""
    me = psutil.Process()
    for _ in range(ROUNDS):  # a process may fork between being listed and being killed
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
        result: list[psutil.Process] = process.children(recursive=True)
        return result
    return []


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
