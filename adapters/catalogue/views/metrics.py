"""Metrics of the whole catalogue, read from indexes or from the newest events only."""

from collections import Counter
from typing import NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, case, exists, func, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import reason_codes
from adapters.catalogue.core.tables import (
    alerts,
    arrivals,
    campaigns,
    database_now,
    events,
    memberships,
    runs,
    variants,
)
from manifests.states import State

RECENT_EVENTS = 20_000
"""Number of newest events that are considered."""


RECENT_S = 300.0


class Verdicts(NamedTuple):
    """The latest judged clips.

    Attributes:
        passed: the verdict of each, newest first.
        details: the event detail of each, JSON.
        newest: id of the newest event; 0 if there is none.
    """

    passed: tuple[bool, ...]
    details: tuple[str, ...]
    newest: int

    def reasons(self, judged: int) -> dict[str, int]:
        """Return how often each reason code occurs among the newest of them, most frequent first."""
        codes = Counter(code for detail in self.details[:judged] for code in reason_codes(detail))
        return dict(codes.most_common())


class RecentCounts(NamedTuple):
    """Counts of the last RECENT_S seconds."""

    passed: int
    failed: int
    published: int


class CatalogueMetrics(NamedTuple):
    """Metrics that each scrape reads.

    Attributes:
        spent_s: device seconds of all runs.
        leases, expired: number of leases, and how many of them have expired.
        alerts_waiting, alerts_given_up, alerts_kept: alerts not sent yet, those given up after failures, and those
            skipped because they are older than the receiver.
    """

    campaigns: dict[str, int]
    arrivals: dict[str, int]
    outcomes: dict[str, int]
    spent_s: float
    leases: int
    expired: int
    alerts_waiting: int
    alerts_given_up: int
    alerts_kept: int
    recent: RecentCounts


class Metrics(CataloguePart):
    """Read metrics for alerts and the metrics page."""

    def verdicts(self, campaign_id: str, *, after: int = 0, limit: int = 400) -> Verdicts:
        """Return the latest verdicts of a campaign.

        Args:
            after: only verdicts after this event.
        """
        mine = exists().where(memberships.c.variant_id == events.c.variant_id, memberships.c.campaign_id == campaign_id)
        query = (
            select(events.c.event_id, events.c.to_state, events.c.detail)
            .where(_judged(), mine)
            .order_by(events.c.event_id.desc())
            .limit(limit)
        )
        with self._db.reading() as connection:
            since = max(after, _newest(connection) - RECENT_EVENTS)
            rows = connection.execute(query.where(events.c.event_id > since)).all()
        return Verdicts(
            tuple(row.to_state == State.PASSED for row in rows),
            tuple(row.detail for row in rows),
            rows[0].event_id if rows else 0,
        )

    def snapshot(self) -> CatalogueMetrics:
        """Return all metrics except ``all_states``. Queries read at most the tables of campaigns, runs, sheets and
        alerts, the current leases, and RECENT_EVENTS events."""
        with self._db.reading() as connection:
            spent = connection.execute(select(func.coalesce(func.sum(runs.c.spent_s), 0.0))).scalar_one()
            held, expired = connection.execute(
                select(func.count(), _sum(variants.c.lease_expires < database_now())).where(
                    variants.c.lease_owner.is_not(None)
                )
            ).one()
            was_given_up, was_tried = alerts.c.given_up_at.is_not(None), alerts.c.tries > 0
            waiting, given_up, kept = connection.execute(
                select(_sum(~was_given_up), _sum(was_given_up & was_tried), _sum(was_given_up & ~was_tried)).where(
                    alerts.c.sent_at.is_(None)
                )
            ).one()
            return CatalogueMetrics(
                _counts(connection, campaigns.c.standing),
                _counts(connection, arrivals.c.state),
                _counts(connection, runs.c.outcome),
                float(spent),
                held,
                expired,
                waiting,
                given_up,
                kept,
                _recent_counts(connection),
            )

    def all_states(self) -> dict[str, int]:
        """Return how many variants are in each state; this walks an index of all variants."""
        with self._db.reading() as connection:
            return _counts(connection, variants.c.state)


def _counts(connection: Connection, column: Column[str]) -> dict[str, int]:
    return {key: number for key, number in connection.execute(select(column, func.count()).group_by(column))}


def _recent_counts(connection: Connection) -> RecentCounts:
    passed, published = events.c.to_state == State.PASSED, events.c.to_state == State.PUBLISHED
    query = select(_sum(_judged() & passed), _sum(_judged() & ~passed), _sum(published)).where(
        events.c.event_id > _newest(connection) - RECENT_EVENTS, events.c.at > database_now() - RECENT_S
    )
    return RecentCounts(*connection.execute(query).one())


def _newest(connection: Connection) -> int:
    """Queried separately: PostgreSQL's planner uses the index for a known bound, but scans the table for a subquery."""
    result: int = connection.execute(select(func.coalesce(func.max(events.c.event_id), 0))).scalar_one()
    return result


def _judged() -> ColumnElement[bool]:
    return (events.c.from_state == State.RENDERED) & events.c.to_state.in_((State.PASSED, State.FAILED))


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
