"""Names of lease owners, from which one can check whether the process is still alive."""

import os
import socket
from functools import cache
from pathlib import Path


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot; empty if it has ended or is unknown.

    Linux only (field 22 of /proc/PID/stat). It distinguishes processes that reuse a process id.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return ""


def current_owner() -> str:
    """Return the owner name of this process, ``host:boot:pid:started``."""
    return f"{socket.gethostname()}:{_boot_id()}:{os.getpid()}:{_started(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Return whether the owner is certainly alive, on this host; it may be stopped or just resumed from suspension."""
    here = f"{socket.gethostname()}:{_boot_id()}:"
    pid, _, started = owner.removeprefix(here).partition(":")
    return owner.startswith(here) and pid.isdecimal() and bool(started) and _started(int(pid)) == started


def is_dead(owner: str) -> bool:
    """Return whether the owner is certainly dead: it ran on this host, and its process has ended.

    This is never known of owners on other hosts; their leases expire.
    """
    try:
        host, boot, pid, started = owner.rsplit(":", 3)
        number = int(pid)
    except ValueError:
        return False
    if host != socket.gethostname() or not started:
        return False
    return boot != _boot_id() or _started(number) != started
