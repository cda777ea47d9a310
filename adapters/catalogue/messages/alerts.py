"""The outbox of alerts: written with the change they report, sent when the receiver responds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean, object_in, to_text
from adapters.catalogue.core.tables import alerts, database_now

PAUSES_S = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)
"""Pauses between attempts to send an alert; after the last one it is given up and kept."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A message for people.

    Attributes:
        key: identifies the occasion, so that it is reported once.
        kind: one of the kinds of ``tasks.alerts.alerts``, such as ``finished``.
        at, due_at, sent_at, given_up_at: seconds since 1970 by the database's clock. An alert that was
            given up without an attempt is older than the receiver.
        tries: number of attempts, including the successful one.
        error: why the last attempt failed.
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


class Alerts(CataloguePart):
    """Add each alert once, and track its delivery."""

    def add(
        self, key: str, kind: str, text: str, *, campaign_id: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> bool:
        """Add an alert; return False if one with this key exists."""
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
        """Return the alerts that are due, oldest first."""
        query = (
            select(alerts)
            .where(alerts.c.sent_at.is_(None), alerts.c.given_up_at.is_(None), alerts.c.due_at <= database_now())
            .order_by(alerts.c.alert_id)
            .limit(limit)
        )
        with self._db.reading() as connection:
            return [_alert(row) for row in connection.execute(query)]

    def claim(self, alert: Alert, seconds: float) -> bool:
        """Claim an alert for ``seconds``; return False if another process has claimed it."""
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
        """Record that the receiver has accepted it."""
        self._change(alert, sent_at=database_now(), tries=alerts.c.tries + 1, error="")

    def mark_failed(self, alert: Alert, error: str, *, after_s: float = 0.0, permanent: bool = False) -> None:
        """Record a failed attempt; the next is due after a longer pause, and after the last one the alert is given up.

        Args:
            after_s: minimum pause that the receiver asked for.
            permanent: a retry would fail in the same way, so give up now.
        """
        values: dict[str, Any] = {"tries": alert.tries + 1, "error": clean(error)}
        if alert.tries < len(PAUSES_S) and not permanent:
            values["due_at"] = database_now() + max(after_s, PAUSES_S[alert.tries])
        else:
            values["given_up_at"] = database_now()
        self._change(alert, **values)  # no effect if another process has sent it

    def all(self, limit: int = 100, *, kind: str = "", campaign_id: str | None = None) -> list[Alert]:
        """Return alerts, optionally of one kind and campaign, newest first, whether sent or not."""
        query = select(alerts).order_by(alerts.c.alert_id.desc()).limit(limit)
        if kind:
            query = query.where(alerts.c.kind == kind)
        if campaign_id is not None:
            query = query.where(alerts.c.campaign_id == campaign_id)
        with self._db.reading() as connection:
            return [_alert(row) for row in connection.execute(query)]

    def due_in_s(self) -> float | None:
        """Return the seconds until the next alert is due, 0 if one is due now, None if none is waiting."""
        query = select(func.min(alerts.c.due_at) - database_now()).where(
            alerts.c.sent_at.is_(None), alerts.c.given_up_at.is_(None)
        )
        with self._db.reading() as connection:
            seconds = connection.execute(query).scalar()
        return None if seconds is None else max(0.0, seconds)

    def skip_older(self, older_s: float) -> int:
        """Give up alerts older than ``older_s`` seconds if none was ever sent or attempted; return how many.

        A new receiver then does not get the alerts of the past year; ``retry_all`` sends them after all.
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
        """Make all alerts due now that were given up or wait for their next attempt; return how many."""
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
        object_in(row.detail),
        row.tries,
        row.due_at,
        row.sent_at,
        row.given_up_at,
        row.error,
    )
