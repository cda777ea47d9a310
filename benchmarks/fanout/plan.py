"""Load test of PostgreSQL: a thousand simulated workers send the real lease queries for a million variants."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import psycopg

from adapters.catalogue.catalogue import Catalogue
from adapters.catalogue.core.database import Database
from adapters.catalogue.core.engine import build_engine
from benchmarks.fanout.crowd import LOCK_TIMEOUT_S, Act, Crowd, Order, send
from benchmarks.fanout.rows import Planned, fill
from benchmarks.fanout.watch import Seen, watched
from benchmarks.fanout.worker import SHARD, Notes, Slice, use_of
from benchmarks.harness.postgres import Server

WORKERS = 1_000
DEVICES_A_HOST = 8
SIZES = (500_000, 500_000)
CLIP_S = 30.0
"""Device seconds for a clip in the stretch at a realistic pace."""
PROCESSES = 4
CONNECTIONS = (4, 16, 64)
PACED_CONNECTIONS = 32
PACED_S = 40.0
FULL_S = 15.0
ROW_S = 6.0
RUSH_S = 90.0
NEVER_S = 3_600.0


class Stretch(NamedTuple):
    """Measurements of the workers and of PostgreSQL in one stretch of the simulation."""

    crowd: Crowd
    seen: Seen

    @property
    def clips_per_s(self) -> float:
        """Committed verdicts per second."""
        return self.crowd.calls("record") / self.crowd.seconds

    @property
    def leases_per_s(self) -> float:
        """Leased variants per second."""
        return self.crowd.leases / self.crowd.seconds

    @property
    def database_ms(self) -> float:
        """Processor time of PostgreSQL for each clip in milliseconds, including heartbeats and all other calls."""
        return 1000 * self.seen.cpu_s / max(1, self.crowd.calls("record"))


class Plan(NamedTuple):
    """All measurements of the simulation.

    Attributes:
        rush: All workers start at once.
        paced: Workers at a realistic pace.
        full: Workers at full speed, by number of connections.
        begins_per_s: Shard starts per second in one run, which all write the same row.
        books_per_s: Bookings per second in one run, which all write the same row.
        fill_mb: Size of the database after it is filled.
    """

    rush: Stretch
    paced: Stretch
    full: dict[int, Stretch]
    begins_per_s: float
    books_per_s: float
    fill_mb: float

    @property
    def best(self) -> Stretch:
        """The stretch with the most clips per second."""
        return max(self.full.values(), key=lambda stretch: stretch.clips_per_s)


def simulate(server: Server, database: str) -> Plan:
    """Fill the empty database and run all stretches on it."""
    url = f"{server.url}/{database}"
    planned = fill(url, SIZES)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        row = connection.execute("SELECT pg_database_size(current_database()) / 1e6").fetchone()
        assert row is not None
    stage = Stage(server, database, planned)
    rush = stage.workers(PACED_CONNECTIONS, RUSH_S, NEVER_S, are_new=True)
    paced = stage.workers(PACED_CONNECTIONS, PACED_S, CLIP_S)
    full = {number: stage.workers(number, FULL_S, 0.0) for number in CONNECTIONS}
    return Plan(rush, paced, full, stage.calls("shard_begins", begins), stage.calls("book_run", books), float(row[0]))


class Stage:
    """Run stretches one after the other, each on unused variants."""

    def __init__(self, server: Server, database: str, planned: Sequence[Planned]) -> None:
        self._server, self._database, self._planned = server, database, planned
        self._url = f"{server.url}/{database}"
        self._used = 0
        with Catalogue(Database(build_engine(self._url, LOCK_TIMEOUT_S))) as catalogue:
            self._runs = {
                one.campaign_id: catalogue.runs.begin(one.campaign_id, "ray:crowd", "driver") for one in planned
            }

    def workers(self, connections: int, seconds: float, clip_s: float, *, are_new: bool = False) -> Stretch:
        """Run all workers for some seconds on this number of connections."""
        self._tidy(0 if are_new else WORKERS)
        return self._send(
            [
                Order(self._url, names(number), connections // PROCESSES, seconds, clip_s, slices, are_new)
                for number, slices in enumerate(self._slices())
            ]
        )

    def calls(self, name: str, act: Act) -> float:
        """Return how many calls per second PACED_CONNECTIONS connections can make."""
        self._tidy(WORKERS)
        orders = [
            Order(self._url, (), PACED_CONNECTIONS // PROCESSES, ROW_S, slices=slices, act=act)
            for slices in self._slices()
        ]
        crowd = self._send(orders).crowd
        return crowd.calls(name) / crowd.seconds

    def _send(self, orders: Sequence[Order]) -> Stretch:
        found = Seen()
        crowd = send(orders, watched(self._server, self._database, found))
        return Stretch(crowd, found)

    def _slices(self) -> list[tuple[Slice, ...]]:
        """Return the unused variants of each campaign for each process."""
        each = min(SIZES) // PROCESSES // (len(CONNECTIONS) + 4) // SHARD * SHARD
        start, self._used = self._used, self._used + each * PROCESSES
        return [
            tuple(
                Slice(one.campaign_id, self._runs[one.campaign_id], start + number * each, start + (number + 1) * each)
                for one in self._planned
            )
            for number in range(PROCESSES)
        ]

    def _tidy(self, working: int) -> None:
        """Release the leases of the last stretch and set the number of working shards of the runs."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                "UPDATE variants SET state = 'planned', lease_owner = NULL, lease_expires = NULL "
                "WHERE lease_owner IS NOT NULL"
            )
            connection.execute(
                "UPDATE runs SET waiting = 100000, working = %s, beat_at = %s, claimed_at = %s",
                (working // len(self._planned), *[_now(connection)] * 2),
            )
            connection.execute("VACUUM ANALYZE variants")
            connection.execute("CHECKPOINT")


def _now(connection: psycopg.Connection) -> float:
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None
    return float(row[0])


def names(process: int) -> tuple[str, ...]:
    """Return the lease owners that one process simulates, named as in tasks/runtime/lease_owner.py."""
    return tuple(
        f"host-{number // DEVICES_A_HOST:04d}:0a1b2c3d:{4000 + number}:123456789"
        for number in range(process, WORKERS, PROCESSES)
    )


def begins(catalogue: Catalogue, notes: Notes, order: Order) -> None:
    """Start a shard of the first campaign."""
    notes.timed("shard_begins", catalogue.runs.shard_started, order.slices[0].run_id)


def books(catalogue: Catalogue, notes: Notes, order: Order) -> None:
    """Book four leases of the first campaign."""
    campaign_id, run_id = order.slices[0].campaign_id, order.slices[0].run_id
    use = replace(use_of(campaign_id, run_id, "host:0:1:1"), seconds=1.0)
    notes.timed("book_run", catalogue.device_use.book, [use], {run_id: 4})
