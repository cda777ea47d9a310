"""What PostgreSQL did while something went on: who waited for what, rows, log, processor."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import psycopg

from benchmarks.fanout_postgres import Server

SAMPLE_S = 0.05
_ACTIVE = """SELECT coalesce(wait_event_type || ':' || wait_event, 'CPU') FROM pg_stat_activity
             WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
_COUNTS = """SELECT pg_current_wal_lsn() - '0/0'::pg_lsn,
    (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()),
    (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
    (SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'variants'),
    (SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'variants')"""


@dataclass
class Seen:
    """Figures of one stretch; ``waits`` is how many backends waited for what, on average over the samples."""

    seconds: float = 0.0
    wal_bytes: float = 0.0
    deadlocks: float = 0.0
    commits: float = 0.0
    rows_updated: float = 0.0
    rows_updated_in_place: float = 0.0
    cpu_s: float = 0.0
    waits: dict[str, float] = field(default_factory=dict)

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
def watched(server: Server, database: str) -> Iterator[Seen]:
    """Yield what is filled in at the end; backends of others must have gone by then for all their counts to be in."""
    seen, ended = Seen(), threading.Event()
    with psycopg.connect(f"{server.url}/{database}", autocommit=True) as connection:
        before, cpu, began = _counts(connection), _cpu_s(server.pid), time.monotonic()
        sampler = threading.Thread(target=_sample, args=(connection, ended, seen), daemon=True)
        sampler.start()
        try:
            yield seen
        finally:
            ended.set()
            sampler.join()
        seen.seconds, seen.cpu_s = time.monotonic() - began, _cpu_s(server.pid) - cpu
        time.sleep(0.2)
        after = _counts(connection)
        (seen.wal_bytes, seen.deadlocks, seen.commits, seen.rows_updated, seen.rows_updated_in_place) = (
            float(new - old) for new, old in zip(after, before, strict=True))


def _sample(connection: psycopg.Connection, ended: threading.Event, seen: Seen) -> None:
    counted: Counter[str] = Counter()
    samples = 0
    while not ended.wait(SAMPLE_S):
        counted.update(row[0] for row in connection.execute(_ACTIVE))
        samples += 1
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
