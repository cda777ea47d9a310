"""The times in the catalogue: the database's clock, the newest entry, and what an operator has accepted."""

import json
import time
from typing import NamedTuple

from sqlalchemy import Connection, Float, cast, func, or_, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import END_OF_TIME
from adapters.catalogue.core.seals import key_for_reading
from adapters.catalogue.core.tables import audit, campaigns, database_now, events, runs, variants
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.genuine_entry import is_entry_genuine

RECENT_EVENTS = 20_000
"""Number of newest events that are read. Older ones are covered by the times of clips and runs, which are indexed or
few: the events table has no index on its times, and may have millions of rows."""
ACCEPTED = "clock-accepted"
SUBJECT = "clock"
_COLUMNS = {
    "the end of a run": runs.c.ended_at,
    "the heartbeat of a run": runs.c.beat_at,
    "the start of a run": runs.c.started_at,
    "the generation of a clip": variants.c.made_at,
    "the registration of a campaign": campaigns.c.created_at,
}


class AcceptedTimes(NamedTuple):
    """Times in the catalogue that were wrong, as an operator has stated; a clock may be behind them.

    Attributes:
        at: the right time of the statement, in seconds since 1970.
        until: the newest wrong time.
        event_id: the newest event then; later events count again.
    """

    at: float
    until: float
    event_id: int

    def covers(self, at: float) -> bool:
        """Return whether a time was accepted as wrong."""
        return self.at < at <= self.until


class NewestTime(NamedTuple):
    """The newest time in the catalogue.

    Attributes:
        what: what happened then, as a noun phrase with an article.
        at: seconds since 1970.
    """

    what: str
    at: float


class Clock(CataloguePart):
    """Compare the database's clock with others, and find the newest time in the catalogue."""

    def ahead_s(self) -> float:
        """Return how many seconds the database's clock is ahead of this machine's."""
        with self._db.reading() as connection:
            began_at, began = time.time(), time.monotonic()
            now = connection.execute(select(cast(database_now(), Float))).scalar_one()
            return float(now - began_at - (time.monotonic() - began) / 2)

    def newest(self, accepted: AcceptedTimes | None = None) -> NewestTime | None:
        """Return the newest time of events, clips, runs and campaigns; None for an empty catalogue.

        Args:
            accepted: times that are ignored.
        """
        with self._db.reading() as connection:
            return _newest(connection, accepted)

    def accepted(self) -> AcceptedTimes | None:
        """Return what was accepted last; reads the whole audit log, so only call it if a time is in the future.

        Entries that are not genuine are left out.
        """
        query = select(audit).where(audit.c.action == ACCEPTED).order_by(audit.c.audit_id.desc())
        with self._db.reading() as connection:
            key = key_for_reading(connection)
            newest = next((row for row in connection.execute(query) if is_entry_genuine(row, key)), None)
        return AcceptedTimes(**json.loads(newest.detail)) if newest else None

    def accept(self, actor: str, now: float, until: float) -> AcceptedTimes:
        """Record in the audit log that ``now`` is right, and that times up to ``until`` are wrong."""
        with self._db.writing() as connection:
            newest = _newest(connection, None)
            times = AcceptedTimes(now, max(until, newest.at if newest else now), _newest_event(connection))
            append(connection, actor, ACCEPTED, [(SUBJECT, times._asdict())])
        return times


def _newest(connection: Connection, accepted: AcceptedTimes | None) -> NewestTime | None:
    last = _newest_event(connection)
    since = max(last - RECENT_EVENTS, accepted.event_id if accepted else 0)
    of_events = select(func.max(events.c.at)).where(events.c.event_id > since, events.c.at < END_OF_TIME)
    times = [
        ("an event of a clip", connection.execute(of_events).scalar()),
        ("an accepted time", accepted.at if accepted else None),
    ]
    for what, column in _COLUMNS.items():
        query = select(func.max(column)).where(column < END_OF_TIME)  # without NaN and Infinity
        if accepted:
            query = query.where(or_(column <= accepted.at, column > accepted.until))
        times.append((what, connection.execute(query).scalar()))
    return max((NewestTime(what, at) for what, at in times if at), key=lambda newest: newest.at, default=None)


def _newest_event(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(events.c.event_id), 0))).scalar_one())
