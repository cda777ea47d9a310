"""Who holds a lease: a name that tells whether its process still lives."""

import os
import socket
from functools import cache
from pathlib import Path


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot, empty where it is gone or unknown.

    Linux only (field 22 of /proc/PID/stat); it tells a reused process id from the first one.
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
    """Return ``host:boot:pid:started`` of this process."""
    return f"{socket.gethostname()}:{_boot_id()}:{os.getpid()}:{_started(os.getpid())}"


def lives_here(owner: str) -> bool:
    """True only where the owner surely lives: it runs on this host. It may be stopped, or its host may have slept."""
    here = f"{socket.gethostname()}:{_boot_id()}:"
    pid, _, started = owner.removeprefix(here).partition(":")
    return owner.startswith(here) and pid.isdecimal() and bool(started) and _started(int(pid)) == started


def is_dead(owner: str) -> bool:
    """True only where the owner surely lives no more: it ran on this host and its process is gone.

    Owners on other hosts are never called dead; their leases expire.
    """
    try:
        host, boot, pid, started = owner.rsplit(":", 3)
        number = int(pid)
    except ValueError:
        return False
    if host != socket.gethostname() or not started:
        return False
    return boot != _boot_id() or _started(number) != started
