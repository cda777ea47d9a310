"""What PostgreSQL did while something went on: who waited for what, rows, log, processor."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import psycopg

from benchmarks.postgres import Server

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
    """Figures of one stretch.

    Attributes:
        waits: how many backends waited for what, on average over the samples.
        statements: share of the time of all statements, by what they begin with, the greatest first.
        backend_mb: memory that a connection's backend has to itself, on average.
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
        """Backends that waited for another's lock on a row, on average."""
        return sum(number for what, number in self.waits.items() if what.startswith("Lock:"))

    @property
    def active(self) -> float:
        """Backends that were at work or waited in the midst of it, on average."""
        return sum(self.waits.values())

    @property
    def cores(self) -> float:
        """Cores that PostgreSQL kept busy."""
        return self.cpu_s / self.seconds


@contextmanager
def watched(server: Server, database: str, seen: Seen) -> Iterator[None]:
    """Fill in what was seen; backends of others must have gone at the end for all their counts to be in."""
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
    """Of the server and all its backends, those included that have ended."""
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
    """Of those that serve a client, what is not shared; 0 where it cannot be read."""
    found = []
    for child in psutil.Process(pid).children():
        try:
            if "127.0.0.1" in " ".join(child.cmdline()):
                found.append(child.memory_full_info().uss / 1e6)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return sum(found) / max(1, len(found))
