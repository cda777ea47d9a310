"""What the audit log says about the settings and thresholds of campaigns, so that old ones are not valid again."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, select

from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import AuditKey, campaign_fields, key_for_reading
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.genuine_entry import is_entry_genuine

SETTINGS, THRESHOLD = "settings", "threshold"
"""Actions of the entries about a campaign; each has the digest of the settings and thresholds that it results in."""


def settings_digest(settings: str, thresholds: str) -> str:
    """Return the digest of a campaign's settings and thresholds, as the columns store them."""
    return hashlib.sha256(json.dumps([settings, thresholds]).encode()).hexdigest()


def are_genuine(connection: Connection, row: Any) -> bool:
    """Return whether the settings of one campaign are those that Reelmill stored last."""
    return not changed_campaigns(connection, [row])


def changed_campaigns(connection: Connection, rows: Iterable[Any]) -> list[str]:
    """Return the campaigns whose settings or thresholds are not those that Reelmill stored last.

    The seal shows that they were stored at some time, and the newest entry of the log that nothing replaced them.
    """
    key = key_for_reading(connection)
    by_id = {row.campaign_id: row for row in rows}
    if key is None or not by_id:
        return []
    newest = {row.subject: row for row in _entries(connection, by_id, key)}
    return [name for name, row in by_id.items() if not _is_newest(row, newest.get(name), key)]


def logged_thresholds(connection: Connection, campaign_id: str) -> dict[str, float]:
    """Return the thresholds that result from the entries of the log."""
    found: dict[str, float] = {}
    for row in _entries(connection, [campaign_id], key_for_reading(connection)):
        detail = object_in(row.detail)
        if row.action == THRESHOLD:
            found[detail["card"]] = detail["min_adherence"]
    return {card: value for card, value in found.items() if value is not None}


def _is_newest(row: Any, entry: Any, key: AuditKey) -> bool:
    if entry is None or not key.matches(row.seal, *campaign_fields(row.campaign_id, row.settings, row.thresholds)):
        return False
    return bool(object_in(entry.detail).get("digest") == settings_digest(row.settings, row.thresholds))


def _entries(connection: Connection, names: Collection[str], key: AuditKey | None) -> Iterator[Any]:
    """Yield the genuine entries about campaigns, oldest first."""
    query = (
        select(audit)
        .where(audit.c.subject.in_(list(names)), audit.c.action.in_((SETTINGS, THRESHOLD)))
        .order_by(audit.c.audit_id)
    )
    for row in connection.execute(query):
        if is_entry_genuine(row, key):
            yield row
