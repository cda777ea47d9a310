"""Who works on which campaign just now, and whose turn it is on devices that several share."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Float, case, cast, func, insert, or_, select, update

from adapters.catalogue.core.database import Part
from adapters.catalogue.core.rows import to_text
from adapters.catalogue.core.tables import campaigns, database_now, runs
from adapters.catalogue.work.leases import ACTIVE

ALIVE_S = 90.0
"""A run whose driver has been silent for so long is not waited for."""


CLAIM_S = 900.0
"""A run that waits has a claim on its turn for so long after it was last served: it may wait for what is not there."""


LOST = "lost"


TURN = 16
"""Leases a device that a run may be ahead of another of equal priority before it lets that one go first."""


_CREDIT = "credit"
"""In a run's detail: how many of the leases that its turn counts it was never given."""


class Turn(NamedTuple):
    """May a run take more work now?

    Attributes:
        why: where it may not: ``paused``, ``cancelled``, ``window`` (its time is over), ``budget``, ``ended``, or
            ``others`` (another campaign goes first).
    """

    may_work: bool
    why: str = ""


GO = Turn(True)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a campaign.

    Attributes:
        pool: what it shares devices in: the machine's id, or the Ray cluster's address.
        owner: the driver's process, as leases name it.
        beat_at: when the driver was last heard of, seconds since 1970 by the database's clock.
        outcome: ``finished``, ``paused``, ``cancelled``, ``window``, ``budget``, ``left``, ``failed``, ``lost``; empty
            while it goes on.
        waiting, working: shards that wait for a device, and that have one.
        served: variants that it was leased.
        spent_s: device seconds.
        until: when it takes no more work, seconds since 1970; None for no end.
        budget_s: device seconds after which it takes no more work.
    """

    run_id: str
    campaign_id: str
    pool: str
    owner: str
    started_at: float
    beat_at: float
    ended_at: float | None
    outcome: str
    waiting: int
    working: int
    served: int
    spent_s: float
    until: float | None
    budget_s: float | None
    detail: Mapping[str, Any] = field(default_factory=dict)


class Runs(Part):
    """Runs begin, beat, take turns and end."""

    def begin(
        self,
        campaign_id: str,
        pool: str,
        owner: str,
        *,
        until: float | None = None,
        budget_s: float | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> str:
        """Note that a driver works on a campaign; return the run's id.

        Its turn count starts at that of the least served run that it takes turns with: it is owed nothing of the past.
        """
        run_id = secrets.token_hex(8)
        with self._db.writing() as connection:
            connection.execute(
                insert(runs).values(
                    run_id=run_id,
                    campaign_id=campaign_id,
                    pool=pool,
                    owner=owner,
                    until=until,
                    budget_s=budget_s,
                    detail=to_text(dict(detail or {})),
                )
            )
            catch_up(connection, runs.c.run_id == run_id)
        return run_id

    def beat(self, run_id: str) -> None:
        """Say that the driver lives; one that was taken for lost meanwhile is not."""
        was_lost = runs.c.outcome == LOST
        self._set(
            run_id,
            beat_at=database_now(),
            ended_at=case((was_lost, None), else_=runs.c.ended_at),
            outcome=case((was_lost, ""), else_=runs.c.outcome),
        )

    def set_waiting_shards(self, run_id: str, number: int) -> None:
        """Say how many shards wait for a device; none has one. The run joins those that take turns."""
        with self._db.writing() as connection:
            catch_up(connection, runs.c.run_id == run_id)
            connection.execute(
                update(runs).where(runs.c.run_id == run_id).values(waiting=number, working=0, claimed_at=database_now())
            )

    def shard_started(self, run_id: str) -> None:
        """A shard has got its device."""
        with self._db.writing() as connection:
            catch_up(connection, runs.c.run_id == run_id, runs.c.claimed_at <= database_now() - CLAIM_S)
        self._set(
            run_id,
            waiting=case((runs.c.waiting > 0, runs.c.waiting - 1), else_=0),
            working=runs.c.working + 1,
            claimed_at=database_now(),
        )

    def shard_ended(self, run_id: str) -> None:
        """A shard gives its device back."""
        self._set(run_id, working=case((runs.c.working > 0, runs.c.working - 1), else_=0))

    def book(self, run_id: str, leases: int, device_s: float) -> None:
        """Book what a run was given, and what its devices worked."""
        self._set(run_id, served=runs.c.served + leases, spent_s=runs.c.spent_s + device_s, claimed_at=database_now())

    def end(self, run_id: str, outcome: str) -> None:
        """Note how a run ended; the first word stands."""
        with self._db.writing() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run_id, runs.c.ended_at.is_(None))
                .values(ended_at=database_now(), outcome=outcome, waiting=0, working=0)
            )

    def turn(self, run_id: str) -> Turn:
        """Say whether a run may take more work: not when it is over, nor when another campaign goes first.

        First goes, among the live runs of the pool that have shards waiting, the higher priority; among equals
        the one that was served less, as soon as the other is TURN leases a device ahead.
        """
        with self._db.reading() as connection:
            mine = connection.execute(
                select(runs, campaigns.c.standing, campaigns.c.priority, cast(database_now(), Float).label("now"))
                .join(campaigns, campaigns.c.campaign_id == runs.c.campaign_id)
                .where(runs.c.run_id == run_id)
            ).first()
            if mine is None:
                return GO
            if over := _over(mine):
                return Turn(False, over)
            return Turn(False, "others") if _others_first(connection, mine) else GO

    def get(self, run_id: str) -> RunRow:
        """Return one run; KeyError where there is none."""
        with self._db.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
        if row is None:
            raise KeyError(run_id)
        return _run(row)

    def all(self, campaign_id: str | None = None, *, limit: int = 100) -> list[RunRow]:
        """Return runs, of one campaign or of all, the newest first."""
        query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id).limit(limit)
        if campaign_id is not None:
            query = query.where(runs.c.campaign_id == campaign_id)
        with self._db.reading() as connection:
            return [_run(row) for row in connection.execute(query)]

    def live(self) -> list[RunRow]:
        """Return the runs that go on, their drivers having been heard of lately."""
        with self._db.reading() as connection:
            return [_run(row) for row in connection.execute(select(runs).where(*_alive()).order_by(runs.c.started_at))]

    def silent(self) -> list[RunRow]:
        """Return the runs that never ended, and whose drivers are silent."""
        query = select(runs).where(runs.c.ended_at.is_(None), runs.c.beat_at <= database_now() - ALIVE_S)
        with self._db.reading() as connection:
            return [_run(row) for row in connection.execute(query.order_by(runs.c.started_at))]

    def _set(self, run_id: str, **values: Any) -> None:
        """Change a run's counters, which every worker of a campaign does: nobody may hold the row for long.

        PostgreSQL does it in one statement that commits itself and doesn't wait for the disk. A crash of the database
        may forget the last half second of counting, which misplaces a turn by a few leases; no clip hangs on it.
        """
        change = update(runs).where(runs.c.run_id == run_id).values(**values)
        if self._db.dialect != "postgresql":
            with self._db.writing() as connection:
                connection.execute(change)
            return
        with self._db.autocommit() as connection:
            connection.execute(change.where(func.set_config("synchronous_commit", "off", True) == "off"))

    def mark_lost(self, run_id: str) -> bool:
        """End a run as lost if its driver is still silent; False where it was heard of, or has ended."""
        with self._db.writing() as connection:
            return (
                connection.execute(
                    update(runs)
                    .where(
                        runs.c.run_id == run_id,
                        runs.c.ended_at.is_(None),
                        runs.c.beat_at <= database_now() - ALIVE_S,
                    )
                    .values(ended_at=database_now(), outcome=LOST, waiting=0, working=0)
                ).rowcount
                == 1
            )


def catch_up(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Let live runs count as many leases as the least served that they take turns with, if they were given fewer.

    Who comes later, or comes back, would otherwise have the devices alone until it has had as much as the others.
    """
    query = (
        select(runs, campaigns.c.priority)
        .join(campaigns, campaigns.c.campaign_id == runs.c.campaign_id)
        .where(runs.c.ended_at.is_(None), *which)
        .order_by(runs.c.run_id)
        .with_for_update(of=runs)
    )
    for mine in connection.execute(query).all():
        least = connection.execute(
            select(func.min(runs.c.served))
            .join(campaigns, campaigns.c.campaign_id == runs.c.campaign_id)
            .where(*_rivals(mine), runs.c.waiting + runs.c.working > 0, campaigns.c.priority == mine.priority)
        ).scalar()
        if least is not None and least > mine.served:
            detail = json.loads(mine.detail)
            detail[_CREDIT] = detail.get(_CREDIT, 0) + least - mine.served
            connection.execute(
                update(runs).where(runs.c.run_id == mine.run_id).values(served=least, detail=to_text(detail))
            )


def _alive() -> tuple[Any, ...]:
    return runs.c.ended_at.is_(None), runs.c.beat_at > database_now() - ALIVE_S


def _rivals(mine: Any) -> tuple[Any, ...]:
    """Return the conditions on runs of other campaigns that may take work from the same pool."""
    return (
        runs.c.pool == mine.pool,
        runs.c.campaign_id != mine.campaign_id,
        *_alive(),
        campaigns.c.standing == ACTIVE,
        runs.c.claimed_at > database_now() - CLAIM_S,
        or_(runs.c.until.is_(None), runs.c.until > database_now()),
        or_(runs.c.budget_s.is_(None), runs.c.spent_s < runs.c.budget_s),
    )


def _over(mine: Any) -> str:
    if mine.standing != ACTIVE:
        return str(mine.standing)
    if mine.ended_at is not None:
        return "ended"
    if mine.until is not None and mine.now >= mine.until:
        return "window"
    return "budget" if mine.budget_s is not None and mine.spent_s >= mine.budget_s else ""


def _others_first(connection: Connection, mine: Any) -> bool:
    others = connection.execute(
        select(runs.c.served, runs.c.working, campaigns.c.priority)
        .join(campaigns, campaigns.c.campaign_id == runs.c.campaign_id)
        .where(*_rivals(mine), runs.c.waiting > 0, campaigns.c.priority >= mine.priority)
    ).all()
    return any(
        other.priority > mine.priority or mine.served >= other.served + TURN * max(1, mine.working + other.working)
        for other in others
    )


def _run(row: Any) -> RunRow:
    detail = json.loads(row.detail)
    served = row.served - detail.pop(_CREDIT, 0)
    return RunRow(
        row.run_id,
        row.campaign_id,
        row.pool,
        row.owner,
        row.started_at,
        row.beat_at,
        row.ended_at,
        row.outcome,
        row.waiting,
        row.working,
        served,
        row.spent_s,
        row.until,
        row.budget_s,
        detail,
    )
