"""A process that outlives no work and is outlived by none: the work runs in a child that it keeps."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from adapters.process_lifetime import adopt_orphans, end_with_parent, kill_descendants

ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def keep(work: Callable[[], int]) -> int:
    """Run work in a child, hand signals on to it, and return its exit code.

    Two processes, since either may be killed in a way that it cannot see: the child hears of this one's death by a
    SIGTERM, and this one adopts what the child leaves behind and ends it.
    """
    adopt_orphans()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(_as_child(work, parent))
    for number in ASKED:
        signal.signal(number, lambda *_: _hand_on(child))
    try:
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == child:
                return abs(os.waitstatus_to_exitcode(status))
    finally:
        kill_descendants()


def _hand_on(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)


def _as_child(work: Callable[[], int], parent: int) -> int:
    os.setsid()  # Ctrl-C is handed on once, and not sent by the terminal too
    adopt_orphans()
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return 1
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - nobody is above who would show it
        with suppress(OSError):
            os.write(2, f"Error: {error}\n".encode("utf-8", "replace"))
        return 1
