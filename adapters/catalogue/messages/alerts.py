"""Alerts that wait to be sent: written with what they tell of, sent when the receiver answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.database import Part
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.tables import alerts, database_now

PAUSES_S = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)
"""Between the tries to send an alert; after the last it is given up, and kept."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that people should hear of.

    Attributes:
        key: the same for the same thing, so that it is told once.
        kind: what it tells of; those of ``tasks.alerts.alerts``, such as ``finished``.
        at, due_at, sent_at, given_up_at: seconds since 1970 by the database's clock. One that was given up without
            a try was kept back: it is older than the receiver.
        tries: those in vain, and the one that succeeded.
        error: why the last try to send it failed.
    """

    alert_id: int
    key: str
    at: float
    kind: str
    campaign_id: str | None
    text: str
    detail: Mapping[str, Any]
    tries: int
    due_at: float
    sent_at: float | None
    given_up_at: float | None
    error: str


class Alerts(Part):
    """Alerts come in once each, and leave when they are sent."""

    def add(
        self, key: str, kind: str, text: str, *, campaign_id: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> bool:
        """Put an alert into the outbox; False where one with this key was there already."""
        row = {
            "key": clean(key),
            "kind": kind,
            "text": clean(text),
            "campaign_id": campaign_id,
            "detail": to_text(dict(detail or {})),
        }
        with self._db.writing() as connection:
            return connection.execute(self._insert_alert().returning(alerts.c.alert_id), row).first() is not None

    def due(self, limit: int = 20) -> list[Alert]:
        """Return what is to be sent now, the oldest first."""
        query = (
            select(alerts)
            .where(alerts.c.sent_at.is_(None), alerts.c.given_up_at.is_(None), alerts.c.due_at <= database_now())
            .order_by(alerts.c.alert_id)
            .limit(limit)
        )
        with self._db.reading() as connection:
            return [_alert(row) for row in connection.execute(query)]

    def claim(self, alert: Alert, seconds: float) -> bool:
        """Keep others from sending an alert for so long; False where another has taken it."""
        with self._db.writing() as connection:
            return (
                connection.execute(
                    update(alerts)
                    .where(
                        alerts.c.alert_id == alert.alert_id,
                        alerts.c.due_at == alert.due_at,
                        alerts.c.sent_at.is_(None),
                        alerts.c.given_up_at.is_(None),
                    )
                    .values(due_at=database_now() + seconds)
                ).rowcount
                == 1
            )

    def mark_sent(self, alert: Alert) -> None:
        """Note that it has reached its receiver."""
        self._change(alert, sent_at=database_now(), tries=alerts.c.tries + 1, error="")

    def mark_failed(self, alert: Alert, error: str, *, after_s: float = 0.0, for_good: bool = False) -> None:
        """Note a try in vain; the next is due after a longer pause, and after the last it is given up.

        Args:
            after_s: the receiver wants to be left alone for so long.
            for_good: the same would fail again, so it is given up at once.
        """
        values: dict[str, Any] = {"tries": alert.tries + 1, "error": clean(error)}
        if alert.tries < len(PAUSES_S) and not for_good:
            values["due_at"] = database_now() + max(after_s, PAUSES_S[alert.tries])
        else:
            values["given_up_at"] = database_now()
        self._change(alert, **values)  # nothing where another has sent it meanwhile

    def all(self, limit: int = 100, *, kind: str = "", campaign_id: str | None = None) -> list[Alert]:
        """Return alerts, of a kind and of a campaign where these are named, the newest first, sent or not."""
        query = select(alerts).order_by(alerts.c.alert_id.desc()).limit(limit)
        if kind:
            query = query.where(alerts.c.kind == kind)
        if campaign_id is not None:
            query = query.where(alerts.c.campaign_id == campaign_id)
        with self._db.reading() as connection:
            return [_alert(row) for row in connection.execute(query)]

    def due_in_s(self) -> float | None:
        """Return the seconds until the next alert is due, 0 where one is now; None where none waits."""
        query = select(func.min(alerts.c.due_at) - database_now()).where(
            alerts.c.sent_at.is_(None), alerts.c.given_up_at.is_(None)
        )
        with self._db.reading() as connection:
            seconds = connection.execute(query).scalar()
        return None if seconds is None else max(0.0, seconds)

    def skip_older(self, older_s: float) -> int:
        """Give up untried what is older than so many seconds, if nothing was ever sent or tried; return how many.

        So who sets a receiver after a year does not get the year; ``retry_alerts`` takes it back.
        """
        other = alerts.alias()
        was_tried = exists().where(or_(other.c.sent_at.is_not(None), other.c.tries > 0, other.c.error != ""))
        with self._db.writing() as connection:
            return connection.execute(
                update(alerts)
                .where(
                    alerts.c.sent_at.is_(None),
                    alerts.c.given_up_at.is_(None),
                    alerts.c.at < database_now() - older_s,
                    ~was_tried,
                )
                .values(given_up_at=database_now())
            ).rowcount

    def retry_all(self) -> int:
        """Let what was given up, or waits for its next try, be due now with all its tries; return how many."""
        with self._db.writing() as connection:
            return connection.execute(
                update(alerts)
                .where(alerts.c.sent_at.is_(None))
                .values(due_at=database_now(), tries=0, given_up_at=None)
            ).rowcount

    def _change(self, alert: Alert, **values: Any) -> None:
        with self._db.writing() as connection:
            connection.execute(
                update(alerts).where(alerts.c.alert_id == alert.alert_id, alerts.c.sent_at.is_(None)).values(**values)
            )

    def _insert_alert(self) -> Insert:
        dialect = postgresql if self._db.dialect == "postgresql" else sqlite
        result: Insert = dialect.insert(alerts).on_conflict_do_nothing(index_elements=["key"])
        return result


def _alert(row: Any) -> Alert:
    return Alert(
        row.alert_id,
        row.key,
        row.at,
        row.kind,
        row.campaign_id,
        row.text,
        json.loads(row.detail),
        row.tries,
        row.due_at,
        row.sent_at,
        row.given_up_at,
        row.error,
    )
