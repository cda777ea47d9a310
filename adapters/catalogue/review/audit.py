"""The append-only audit log: each entry's digest covers the previous entry, which reveals any change.

If the catalogue has a key, entries and head are also sealed with it; see ``core/seals.py``.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from adapters.catalogue.core.database import CataloguePart, Database, batches, note_log_end
from adapters.catalogue.core.log_mark import KnownEntry
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.seals import ENTRY, HEAD, AuditKey, key_for_writing
from adapters.catalogue.core.tables import audit, audit_head
from adapters.catalogue.review.known_entry import known_entry, lost_entry_problem
from manifests.errors import CatalogueError

GENESIS = "0" * 64
_DIGEST = re.compile("[0-9a-fA-F]{64}")
_ADD = insert(audit)
_LOCK_HEAD = select(audit_head).where(audit_head.c.head_id == 1).with_for_update()
_WRITE_HEAD = update(audit_head).where(audit_head.c.head_id == 1)
"""Built once, because building a statement takes as long as executing it."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action in the audit log.

    Attributes:
        at_ms: milliseconds since 1970, by the clock of the process that wrote it.
        subject: the variant, campaign or account concerned.
        digest: SHA-256 of the entry and the previous digest, hex.
    """

    audit_id: int
    at_ms: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous: str
    digest: str

    @property
    def at(self) -> float:
        """Seconds since 1970."""
        return self.at_ms / 1000


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of a verification.

    Attributes:
        digest: digest of the last entry, to be stored elsewhere.
        notes: what the log says about accepted losses of entries, and about past tampering that was dealt with.
        lacks_key: the seals were not checked, because this process does not have the key of the log.
        lacks_expected: the only problem is that the expected digest is missing, which an accepted loss may explain.
    """

    entries: int
    digest: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lacks_key: bool = False
    lacks_expected: bool = False

    @property
    def ok(self) -> bool:
        """True if no problem was found."""
        return not self.problems


class AuditHead(NamedTuple):
    """The head of the log; ``key_id`` identifies the key that seals it, and is empty without one."""

    entries: int
    digest: str
    key_id: str


class Audit(CataloguePart):
    """Read the log, and verify it against itself and what it describes."""

    def note(self, actor: str, action: str, subject: str, **detail: Any) -> None:
        """Add one entry for an action that changes nothing else."""
        with self._db.writing() as connection:
            append(connection, actor, action, [(subject, detail)])

    def entries(self, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
        """Return entries, newest first; ``before`` is the id to continue from."""
        query = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.audit_id < before)
        with self._db.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def last_until(self, at: float) -> AuditEntry | None:
        """Return the last entry that is not newer than a time in seconds since 1970; None without one."""
        query = select(audit).where(audit.c.at_ms <= int(at * 1000)).order_by(audit.c.audit_id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(query).first()
        return _entry(row) if row else None

    def head(self) -> AuditHead:
        """Return the head of the log."""
        with self._db.reading() as connection:
            row = connection.execute(select(audit_head)).one()
        return AuditHead(row.entries, row.digest, row.key_id or "")

    def digests(self, numbers: Iterable[int]) -> dict[int, str]:
        """Return the digests of the entries that exist, by number."""
        found: dict[int, str] = {}
        with self._db.reading() as connection:
            for batch in batches(numbers):
                query = select(audit.c.audit_id, audit.c.digest).where(audit.c.audit_id.in_(batch))
                found.update((row.audit_id, row.digest) for row in connection.execute(query))
        return found

    def verify(self, expected: str | None = None) -> AuditReport:
        """Recompute every digest and seal, and compare the log with its head and with what it describes.

        These are the accounts, API tokens, share links, reviews, events, and the approvals of delivered clips.

        Args:
            expected: a digest stored earlier, which the log must still contain.

        Raises:
            CatalogueError: the expected digest is not a full one.
        """
        if expected is not None and not _DIGEST.fullmatch(expected):
            raise CatalogueError(
                f"{expected!r} is not a full digest (64 hex digits). Copy the whole line that an earlier "
                "`reelmill audit verify` printed after `Digest:`."
            )
        from adapters.catalogue.review.audit_check import check  # it needs this module

        with self._db.reading_snapshot() as connection:
            return check(connection, expected.lower() if expected else None)

    def lost_entry(self) -> KnownEntry | None:
        """Return the newest entry that this home knows, if the log does not contain it as it was."""
        with self._db.reading() as connection:
            known = known_entry(connection)
            return known if lost_entry_problem(connection, known) else None

    def known_since(self) -> float:
        """Return when this home remembered its newest entry, in seconds since 1970; 0 if it knows none."""
        mark = self._db.access.mark
        return mark.written_at() if mark and mark.read() else 0.0

    def check_complete(self) -> None:
        """Check that the log is complete; see ``log_end``.

        Raises:
            CatalogueError: entries were removed, added or changed outside Reelmill.
        """
        from adapters.catalogue.review.log_end import LogEnd  # it needs this module

        with self._db.reading_snapshot() as connection:
            LogEnd().check(connection, known_entry(connection))

    def seal(self, key: AuditKey, actor: str, lost: Iterable[tuple[int, str]] = ()) -> int:
        """Seal everything as it is now with a key, and return the number of sealed events; see ``sealing``.

        Args:
            lost: numbers and digests of anchored entries that the log does not contain. The log records that the
                actor accepts this, also for the newest entry that this home knows.
        """
        from adapters.catalogue.review.restores import LostEntry, lost_known_entries  # they need this module
        from adapters.catalogue.review.sealing import seal_all

        with self._db.reading() as connection:
            missing = {LostEntry(*entry) for entry in lost} | lost_known_entries(connection)
        with self._db.writing() as connection:
            sealed = seal_all(connection, key, actor, missing)
        remember_present_end(self._db)
        return sealed

    def check_key(self) -> None:
        """Check that this process can seal decisions, before work that would end with one.

        Raises:
            CatalogueError: the catalogue is sealed, and this process has no key or another one.
        """
        with self._db.reading() as connection:
            key_for_writing(connection)


def remember_present_end(database: Database) -> None:
    """Remember the present end of the log, which a person has accepted, even if the log was longer before."""
    with database.reading() as connection:
        head = connection.execute(select(audit_head)).one()
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
    if key and not is_genuine(head, key):
        raise CatalogueError(
            "The head of the audit log was changed outside Reelmill, so nothing can be added to the log. Run "
            "`reelmill audit verify` to see what was changed, restore the database from a backup if necessary, and "
            "then run `reelmill audit seal`."
        )
    if problem := lost_entry_problem(connection, known_entry(connection)):
        raise CatalogueError(problem)
    add_entries(connection, key, head, actor, action, entries)


def append_if_intact(
    connection: Connection, actor: str, action: str, entries: Iterable[tuple[str, Mapping[str, Any]]]
) -> None:
    """Add entries as ``append`` does, but none if the log was changed, for changes that must not wait."""
    head, key = lock_head(connection), key_for_writing(connection)
    is_lost = bool(lost_entry_problem(connection, known_entry(connection)))
    if not is_lost and (key is None or is_genuine(head, key)):
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


def is_genuine(head: Any, key: AuditKey) -> bool:
    """Return whether the head was written by a process with the key."""
    return key.matches(head.seal, HEAD, head.entries, head.digest, head.since_event, head.sealed_from)


def lock_head(connection: Connection) -> Any:
    """Lock and return the head; other writers of the log wait until this transaction ends."""
    return connection.execute(_LOCK_HEAD).one()


def digest_of(row: Mapping[str, Any]) -> str:
    """Return the digest of an entry."""
    fields = [row[name] for name in ("audit_id", "at_ms", "actor", "action", "subject", "detail", "previous")]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        row.audit_id, row.at_ms, row.actor, row.action, row.subject, json.loads(row.detail), row.previous, row.digest
    )
