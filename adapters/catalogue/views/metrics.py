"""Numbers over the whole catalogue, for those who watch it: each by an index, or over the newest events alone."""

import json
from collections import Counter
from typing import NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, case, exists, func, select

from adapters.catalogue.core.database import Part
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

RECENT = 20_000
"""Events that are looked at; what is older counts for nothing here."""


LATELY_S = 300.0


class Verdicts(NamedTuple):
    """Clips that were judged, in a row.

    Attributes:
        passed: how each came out, the newest first.
        details: what the event of each says, JSON.
        newest: the event that told of the newest; 0 where there is none.
    """

    passed: tuple[bool, ...]
    details: tuple[str, ...]
    newest: int

    def reasons(self, judged: int) -> dict[str, int]:
        """Return how often each reason code speaks against the newest of them, the most frequent first."""
        codes = Counter(code for detail in self.details[:judged] for code, *_ in json.loads(detail).get("reasons", []))
        return dict(codes.most_common())


class Lately(NamedTuple):
    """What happened in the last LATELY_S seconds."""

    passed: int
    failed: int
    published: int


class Numbers(NamedTuple):
    """What a scrape reads anew.

    Attributes:
        spent_s: device seconds of all runs that ever were.
        leases, expired: variants that somebody holds, and those of them whose time is over.
        alerts_waiting, alerts_given_up, alerts_kept: alerts not sent yet, those that failed for good, and those that
            are older than the receiver.
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
    lately: Lately


class Metrics(Part):
    """What alerts and the metrics page ask."""

    def verdicts(self, campaign_id: str, *, after: int = 0, limit: int = 400) -> Verdicts:
        """Return how a campaign's clips were judged lately.

        Args:
            after: only what came after this event.
        """
        mine = exists().where(memberships.c.variant_id == events.c.variant_id, memberships.c.campaign_id == campaign_id)
        query = (
            select(events.c.event_id, events.c.to_state, events.c.detail)
            .where(_judged(), mine)
            .order_by(events.c.event_id.desc())
            .limit(limit)
        )
        with self._db.reading() as connection:
            since = max(after, _newest(connection) - RECENT)
            rows = connection.execute(query.where(events.c.event_id > since)).all()
        return Verdicts(
            tuple(row.to_state == State.PASSED for row in rows),
            tuple(row.detail for row in rows),
            rows[0].event_id if rows else 0,
        )

    def numbers(self) -> Numbers:
        """Return all but ``all_states``; no query reads more than the tables of campaigns, runs, sheets and alerts,
        the leases in force, and RECENT events."""
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
            return Numbers(
                _counts(connection, campaigns.c.standing),
                _counts(connection, arrivals.c.state),
                _counts(connection, runs.c.outcome),
                float(spent),
                held,
                expired,
                waiting,
                given_up,
                kept,
                _lately(connection),
            )

    def all_states(self) -> dict[str, int]:
        """Return how many variants are in each state; this walks over an index of all of them."""
        with self._db.reading() as connection:
            return _counts(connection, variants.c.state)


def _counts(connection: Connection, column: Column[str]) -> dict[str, int]:
    return {key: number for key, number in connection.execute(select(column, func.count()).group_by(column))}


def _lately(connection: Connection) -> Lately:
    passed, published = events.c.to_state == State.PASSED, events.c.to_state == State.PUBLISHED
    query = select(_sum(_judged() & passed), _sum(_judged() & ~passed), _sum(published)).where(
        events.c.event_id > _newest(connection) - RECENT, events.c.at > database_now() - LATELY_S
    )
    return Lately(*connection.execute(query).one())


def _newest(connection: Connection) -> int:
    """Asked apart: a bound that PostgreSQL's planner knows leads it to the index, a subquery to the whole table."""
    result: int = connection.execute(select(func.coalesce(func.max(events.c.event_id), 0))).scalar_one()
    return result


def _judged() -> ColumnElement[bool]:
    return (events.c.from_state == State.RENDERED) & events.c.to_state.in_((State.PASSED, State.FAILED))


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
