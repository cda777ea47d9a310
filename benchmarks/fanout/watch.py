"""Statistics of PostgreSQL while a block of code runs: waits, rows, log and processor time."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import psycopg

from benchmarks.harness.postgres import Server

SAMPLE_S = 0.05
SAMPLES_BEFORE_MEMORY = 60
_ACTIVE = """SELECT coalesce(wait_event_type || ':' || wait_event, 'CPU') FROM pg_stat_activity
             WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
_COUNTS = """SELECT pg_current_wal_lsn() - '0/0'::pg_lsn,
    (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()),
    (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
    (SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'variants'),
    (SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'variants')"""

_STATEMENTS = """SELECT kind, sum(total_exec_time) / sum(sum(total_exec_time)) OVER () FROM (
    SELECT total_exec_time, concat(substring(query FROM '^(?:UPDATE \\w+|INSERT INTO \\w+|SELECT DISTINCT|\\w+)'),
        substring(query FROM '\\sFROM (?!clock_)\\w+'), substring(query FROM ' FOR UPDATE.*')) AS kind
    FROM pg_stat_statements JOIN pg_database ON oid = dbid
    WHERE datname = current_database() AND query !~ 'pg_stat_') AS each
    GROUP BY kind ORDER BY 2 DESC LIMIT 6"""


@dataclass
class Seen:
    """Statistics of one stretch.

    Attributes:
        waits: Average number of backends in each wait event.
        statements: Share of the statement time by the beginning of the statement, largest first.
        backend_mb: Average private memory of a backend.
    """

    seconds: float = 0.0
    wal_bytes: float = 0.0
    deadlocks: float = 0.0
    commits: float = 0.0
    rows_updated: float = 0.0
    rows_updated_in_place: float = 0.0
    cpu_s: float = 0.0
    waits: dict[str, float] = field(default_factory=dict)
    statements: dict[str, float] = field(default_factory=dict)
    backend_mb: float = 0.0

    @property
    def lock_waits(self) -> float:
        """Average number of backends that waited for a row lock."""
        return sum(number for what, number in self.waits.items() if what.startswith("Lock:"))

    @property
    def active(self) -> float:
        """Average number of active backends, working or waiting."""
        return sum(self.waits.values())

    @property
    def cores(self) -> float:
        """Number of cores that PostgreSQL kept busy."""
        return self.cpu_s / self.seconds


@contextmanager
def watched(server: Server, database: str, seen: Seen) -> Iterator[None]:
    """Fill ``seen`` with the statistics of the block. Other backends must end within it to be counted in full."""
    ended = threading.Event()
    with psycopg.connect(f"{server.url}/{database}", autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
        before, cpu, began = _counts(connection), _cpu_s(server.pid), time.monotonic()
        sampler = threading.Thread(target=_sample, args=(connection, server.pid, ended, seen), daemon=True)
        sampler.start()
        try:
            yield
        finally:
            ended.set()
            sampler.join()
        seen.seconds, seen.cpu_s = time.monotonic() - began, _cpu_s(server.pid) - cpu
        time.sleep(0.2)
        after = _counts(connection)
        seen.statements = {" ".join(kind.split()): share for kind, share in connection.execute(_STATEMENTS)}
        (seen.wal_bytes, seen.deadlocks, seen.commits, seen.rows_updated, seen.rows_updated_in_place) = (
            float(new - old) for new, old in zip(after, before, strict=True)
        )


def _sample(connection: psycopg.Connection, pid: int, ended: threading.Event, seen: Seen) -> None:
    counted: Counter[str] = Counter()
    samples = 0
    while not ended.wait(SAMPLE_S):
        counted.update(row[0] for row in connection.execute(_ACTIVE))
        samples += 1
        if samples == SAMPLES_BEFORE_MEMORY:
            seen.backend_mb = _backend_mb(pid)
    seen.waits = {what: number / max(1, samples) for what, number in counted.items()}


def _counts(connection: psycopg.Connection) -> tuple[int, ...]:
    row = connection.execute(_COUNTS).fetchone()
    assert row is not None
    return row


def _cpu_s(pid: int) -> float:
    """Return the processor seconds of the server and all its backends, including ended ones."""
    server = psutil.Process(pid)
    own = server.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in server.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return float(total)


def _backend_mb(pid: int) -> float:
    """Return the average private memory of the backends that serve a client. 0 if it cannot be read."""
    found = []
    for child in psutil.Process(pid).children():
        try:
            if "127.0.0.1" in " ".join(child.cmdline()):
                found.append(child.memory_full_info().uss / 1e6)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    result: float = sum(found) / max(1, len(found))
    return result
