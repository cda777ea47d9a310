"""Run work in a child process, so that no process of it survives, however either process is killed."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from adapters.process_lifetime import adopt_orphans, end_with_parent, kill_descendants

ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_supervised(work: Callable[[], int]) -> int:
    """Run work in a child, forward signals to it, and return its exit code.

    Each process covers for the other if it is killed without warning: the child gets a SIGTERM when this process dies,
    and this process adopts and ends the processes that the child leaves behind.
    """
    adopt_orphans()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(_as_child(work, parent))
    for number in ASKED:
        signal.signal(number, lambda *_: _forward(child))
    try:
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == child:
                return abs(os.waitstatus_to_exitcode(status))
    finally:
        kill_descendants()


def _forward(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)


def _as_child(work: Callable[[], int], parent: int) -> int:
    os.setsid()  # Ctrl-C is forwarded once, and not also sent by the terminal
    adopt_orphans()
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return 1
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - no caller above would report it
        with suppress(OSError):
            os.write(2, f"Error: {error}\n".encode("utf-8", "replace"))
        return 1
