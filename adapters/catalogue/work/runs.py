"""Runs of campaigns, and which run may use shared devices next."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Float, case, cast, func, insert, or_, select, update

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean, number_in, object_in, to_text
from adapters.catalogue.core.tables import campaigns, database_now, runs
from adapters.catalogue.work.job_money import budget_of, spent_by
from adapters.catalogue.work.leases import ACTIVE
from manifests.costs.money import Money
from manifests.costs.prices import NO_PRICES, Prices
from manifests.hosted.job_errors import CurrencyError

ALIVE_S = 90.0
"""A run without a heartbeat for this long is considered dead."""


CLAIM_S = 900.0
"""A waiting run that has leased nothing for this long is passed over, because its workers may be gone."""


LOST = "lost"


TURN = 16
"""Leases per device that a run may be ahead of another run of equal priority."""


_WHY = "why"
"""Key in a run's detail: why it failed, in a sentence."""


_CREDIT = "credit"
"""Key in a run's detail: how much its turn count was raised without leases."""


class Turn(NamedTuple):
    """Whether a run may lease more work now.

    Attributes:
        why: the reason if not: ``paused``, ``cancelled``, ``window`` (its time is over), ``budget``, ``ended``, or
            ``others`` (another campaign goes first).
    """

    may_work: bool
    why: str = ""


GO = Turn(True)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a campaign.

    Attributes:
        pool: the set of shared devices: the machine's id, or the address of the Ray cluster.
        owner: the driver's process, named like a lease owner.
        beat_at: last heartbeat of the driver, seconds since 1970 by the database's clock.
        outcome: ``finished``, ``paused``, ``cancelled``, ``window``, ``budget``, ``left``, ``failed``, ``lost``; empty
            while it is running.
        waiting, working: number of shards that wait for a device, and that have one.
        served: number of variants leased.
        spent_s: device seconds.
        until: no work is leased after this time, seconds since 1970; None for no limit.
        budget_s: device seconds after which no work is leased.
        budget_money: ``budget`` as a number, in the currency of ``prices``.
        prices: the prices of device hours that the run began with.
        budget: cost after which no work is leased: device time at ``prices``, and provider jobs, with what is reserved
            for open ones.
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
    budget_money: float | None = None
    prices: Prices = NO_PRICES
    budget: Money | None = None


class Runs(CataloguePart):
    """Begin and end runs, record heartbeats, and decide turns."""

    def begin(
        self,
        campaign_id: str,
        pool: str,
        owner: str,
        *,
        until: float | None = None,
        budget_s: float | None = None,
        budget_money: float | None = None,
        prices: Prices = NO_PRICES,
        detail: Mapping[str, Any] | None = None,
        budget: Money | None = None,
    ) -> str:
        """Register a run of a campaign; return its id.

        Its turn count starts at that of the least served competing run, so that a new run does not go first until it
        has caught up with the others.

        Args:
            budget_money: a budget without a currency of its own, for the currency of ``prices``.
            budget: of device time and provider jobs; it takes precedence.

        Raises:
            CurrencyError: device prices have another currency than the budget.
        """
        _check_currency(budget, prices)
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
                    budget_money=budget_money,
                    budget_micros=budget.micros if budget else None,
                    budget_currency=budget.currency if budget else "",
                    prices=to_text(prices.as_json()),
                    detail=to_text(dict(detail or {})),
                )
            )
            raise_turn_counts(connection, runs.c.run_id == run_id)
        return run_id

    def beat(self, run_id: str) -> None:
        """Record a heartbeat; a run that was marked as lost becomes active again."""
        was_lost = runs.c.outcome == LOST
        self._set(
            run_id,
            beat_at=database_now(),
            ended_at=case((was_lost, None), else_=runs.c.ended_at),
            outcome=case((was_lost, ""), else_=runs.c.outcome),
        )

    def set_waiting_shards(self, run_id: str, number: int) -> None:
        """Record how many shards wait for a device. The run joins those that take turns."""
        with self._db.writing() as connection:
            raise_turn_counts(connection, runs.c.run_id == run_id)
            connection.execute(
                update(runs).where(runs.c.run_id == run_id).values(waiting=number, working=0, claimed_at=database_now())
            )

    def shard_started(self, run_id: str) -> None:
        """Record that a shard has a device."""
        with self._db.writing() as connection:
            raise_turn_counts(connection, runs.c.run_id == run_id, runs.c.claimed_at <= database_now() - CLAIM_S)
        self._set(
            run_id,
            waiting=case((runs.c.waiting > 0, runs.c.waiting - 1), else_=0),
            working=runs.c.working + 1,
            claimed_at=database_now(),
        )

    def shard_ended(self, run_id: str) -> None:
        """Record that a shard has released its device."""
        self._set(run_id, working=case((runs.c.working > 0, runs.c.working - 1), else_=0))

    def book(self, run_id: str, leases: int, device_s: float) -> None:
        """Record new leases and device seconds of a run."""
        self._set(run_id, served=runs.c.served + leases, spent_s=runs.c.spent_s + device_s, claimed_at=database_now())

    def end(self, run_id: str, outcome: str, why: str = "") -> None:
        """Record the outcome of a run, and why it failed; the first outcome is kept."""
        ending = {"ended_at": database_now(), "outcome": outcome, "waiting": 0, "working": 0}
        with self._db.writing() as connection:
            query = select(runs.c.detail).where(runs.c.run_id == run_id, runs.c.ended_at.is_(None)).with_for_update()
            detail = connection.execute(query).scalar()
            if detail is None:
                return
            if why:
                ending["detail"] = to_text({**object_in(detail), _WHY: clean(why)})
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(**ending))

    def turn(self, run_id: str) -> Turn:
        """Return whether a run may lease more work: not if it has ended, or if another campaign goes first.

        Among the live runs of the pool with waiting shards, the higher priority goes first. Among equals, the run
        with fewer leases goes first once the other is TURN leases per device ahead.
        """
        with self._db.reading() as connection:
            mine = connection.execute(
                select(runs, campaigns.c.standing, campaigns.c.priority, cast(database_now(), Float).label("now"))
                .join(campaigns, campaigns.c.campaign_id == runs.c.campaign_id)
                .where(runs.c.run_id == run_id)
            ).first()
            if mine is None:
                return GO
            if over := _over(mine) or _over_money(connection, mine):
                return Turn(False, over)
            return Turn(False, "others") if _others_first(connection, mine) else GO

    def get(self, run_id: str) -> RunRow:
        """Return one run; raise KeyError if it does not exist."""
        with self._db.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
        if row is None:
            raise KeyError(run_id)
        return _run(row)

    def all(self, campaign_id: str | None = None, *, limit: int = 100) -> list[RunRow]:
        """Return the runs of one campaign or of all, newest first."""
        query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id).limit(limit)
        if campaign_id is not None:
            query = query.where(runs.c.campaign_id == campaign_id)
        with self._db.reading() as connection:
            return [_run(row) for row in connection.execute(query)]

    def live(self) -> list[RunRow]:
        """Return the running runs with a recent heartbeat."""
        with self._db.reading() as connection:
            return [_run(row) for row in connection.execute(select(runs).where(*_alive()).order_by(runs.c.started_at))]

    def silent(self) -> list[RunRow]:
        """Return the runs that have not ended and have no recent heartbeat."""
        query = select(runs).where(runs.c.ended_at.is_(None), runs.c.beat_at <= database_now() - ALIVE_S)
        with self._db.reading() as connection:
            return [_run(row) for row in connection.execute(query.order_by(runs.c.started_at))]

    def _set(self, run_id: str, **values: Any) -> None:
        """Change a run's counters. Every worker of a campaign does, so the row must not stay locked.

        On PostgreSQL this is one autocommitted statement that does not wait for the disk. A crash of the database may
        lose the last half second of counting, which shifts a turn by a few leases and affects no clip.
        """
        change = update(runs).where(runs.c.run_id == run_id).values(**values)
        if self._db.dialect != "postgresql":
            with self._db.writing() as connection:
                connection.execute(change)
            return
        with self._db.autocommit() as connection:
            connection.execute(change.where(func.set_config("synchronous_commit", "off", True) == "off"))

    def mark_lost(self, run_id: str) -> bool:
        """End a run as lost; return False if it has a recent heartbeat or has ended."""
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


def raise_turn_counts(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Raise the turn count of runs to that of the least served competing run.

    Otherwise a run that starts later or resumes would have the devices alone until it has caught up.
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
            detail = object_in(mine.detail)
            detail[_CREDIT] = _credit(detail) + least - mine.served
            connection.execute(
                update(runs).where(runs.c.run_id == mine.run_id).values(served=least, detail=to_text(detail))
            )


def _alive() -> tuple[Any, ...]:
    return runs.c.ended_at.is_(None), runs.c.beat_at > database_now() - ALIVE_S


def _rivals(mine: Any) -> tuple[Any, ...]:
    """Return the conditions for runs of other campaigns that compete for the same pool."""
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
    return "budget" if mine.budget_s is not None and not mine.spent_s < mine.budget_s else ""


def _over_money(connection: Connection, mine: Any) -> str:
    budget = budget_of(mine)
    return "budget" if budget is not None and spent_by(connection, mine) >= budget.micros else ""


def _check_currency(budget: Money | None, prices: Prices) -> None:
    if budget and prices.are_known and prices.currency not in ("", budget.currency):
        raise CurrencyError(
            f"The budget is in {budget.currency}, but the prices of devices are in {prices.currency}. Amounts are not "
            f"converted: enter the budget in {prices.currency}, or change the prices and REELMILL_CURRENCY."
        )


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


def _credit(detail: Mapping[str, Any]) -> int:
    found = detail.get(_CREDIT, 0)
    return found if isinstance(found, int) else 0


def _run(row: Any) -> RunRow:
    detail = object_in(row.detail)
    served = row.served - _credit(detail)
    detail.pop(_CREDIT, None)
    return RunRow(
        row.run_id,
        row.campaign_id,
        row.pool,
        row.owner,
        number_in(row.started_at),
        number_in(row.beat_at),
        None if row.ended_at is None else number_in(row.ended_at),
        row.outcome,
        row.waiting,
        row.working,
        served,
        number_in(row.spent_s),
        row.until,
        row.budget_s,
        detail,
        row.budget_money,
        Prices.from_json(object_in(row.prices)),
        budget_of(row),
    )
