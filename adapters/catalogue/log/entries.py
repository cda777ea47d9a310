"""The append-only audit log: each entry's digest covers the previous entry, which reveals any change.

If the catalogue has a key, entries and head are also sealed with it; see ``core/seals.py``.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from adapters.catalogue.core.database import Database, note_log_end
from adapters.catalogue.core.log_mark import KnownEntry
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.seals import ENTRY, HEAD, AuditKey, key_for_writing
from adapters.catalogue.core.tables import audit, audit_head
from adapters.catalogue.log.genuine_entry import digest_of
from adapters.catalogue.log.known_entry import known_entry, lost_entry_problem
from manifests.errors import CatalogueError

GENESIS = "0" * 64
_ADD = insert(audit)
_HEAD = select(audit_head).where(audit_head.c.head_id == 1)
_LOCK_HEAD = _HEAD.with_for_update()
_WRITE_HEAD = update(audit_head).where(audit_head.c.head_id == 1)
"""Built once, because building a statement takes as long as executing it."""


def remember_present_end(database: Database) -> None:
    """Remember the present end of the log, which a person has accepted, even if the log was longer before."""
    with database.reading() as connection:
        head = head_of(connection)
    if database.access.mark:
        database.access.mark.replace(KnownEntry(head.entries, head.digest))


def append(connection: Connection, actor: str, action: str, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Add an entry for each (subject, detail), within the transaction of the change.

    The head is locked first, so that two transactions never use the same entry number.

    Raises:
        CatalogueError: the log is sealed, and this process cannot seal entries; or its head was changed, or it was cut.
    """
    head = lock_head(connection)
    key = key_for_writing(connection)
    check_head(head, key)
    if problem := lost_entry_problem(connection, known_entry(connection)):
        raise CatalogueError(problem)
    add_entries(connection, key, head, actor, action, entries)


def append_if_intact(
    connection: Connection, actor: str, action: str, entries: Iterable[tuple[str, Mapping[str, Any]]]
) -> None:
    """Add entries as ``append`` does, but none if the log was changed, for changes that must not wait."""
    head, key = lock_head(connection), key_for_writing(connection)
    is_lost = bool(lost_entry_problem(connection, known_entry(connection)))
    if not is_lost and (key is None or is_head_genuine(head, key)):
        add_entries(connection, key, head, actor, action, entries)


def add_entries(
    connection: Connection,
    key: AuditKey | None,
    head: Any,
    actor: str,
    action: str,
    entries: Iterable[tuple[str, Mapping[str, Any]]],
) -> None:
    """Add entries after a locked head."""
    rows, number, previous = [], head.entries, head.digest
    for subject, detail in entries:
        number += 1
        row = {
            "audit_id": number,
            "at_ms": int(time.time() * 1000),
            "actor": clean(actor),
            "action": action,
            "subject": clean(subject),
            "detail": to_text(detail),
            "previous": previous,
        }
        previous = row["digest"] = digest_of(row)
        row["seal"] = key.seal(ENTRY, previous) if key else None
        rows.append(row)
    if rows:
        connection.execute(_ADD, rows if len(rows) > 1 else rows[0])
        write_head(connection, key, number, previous, head.since_event, head.sealed_from)


def write_head(
    connection: Connection, key: AuditKey | None, entries: int, digest: str, since_event: int, sealed_from: int | None
) -> None:
    """Write the head, with its seal."""
    values = {"entries": entries, "digest": digest, "since_event": since_event, "sealed_from": sealed_from}
    seal = key.seal(HEAD, *values.values()) if key else None
    key_id = key.key_id if key else None
    connection.execute(_WRITE_HEAD, {**values, "seal": seal, "key_id": key_id})
    if key and entries:
        note_log_end(connection, KnownEntry(entries, digest))


def is_head_genuine(head: Any, key: AuditKey) -> bool:
    """Return whether the head was written by a process with the key."""
    return key.matches(head.seal, HEAD, head.entries, head.digest, head.since_event, head.sealed_from)


def check_head(head: Any, key: AuditKey | None) -> None:
    """Check that entries can be added after a head.

    Raises:
        CatalogueError: the head was changed.
    """
    if key and not is_head_genuine(head, key):
        raise CatalogueError(
            "The head of the audit log was changed outside Reelmill, so nothing can be added to the log. Run "
            "`reelmill audit verify` to see what was changed, restore the database from a backup if necessary, and "
            "then run `reelmill audit seal`."
        )


def head_of(connection: Connection) -> Row[Any]:
    """Return the head of the log.

    Raises:
        CatalogueError: it was deleted.
    """
    return _present(connection.execute(_HEAD).first())


def lock_head(connection: Connection) -> Row[Any]:
    """Lock and return the head; other writers of the log wait until this transaction ends.

    Raises:
        CatalogueError: it was deleted.
    """
    return _present(connection.execute(_LOCK_HEAD).first())


def _present(head: Row[Any] | None) -> Row[Any]:
    if head is None:
        raise CatalogueError(
            "The head of the audit log is missing: it was deleted outside Reelmill. Restore the database from a "
            "backup, or run `reelmill audit seal` to accept the log as it is now."
        )
    return head
