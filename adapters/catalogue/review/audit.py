"""Read, verify and seal the audit log."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.log_mark import KnownEntry
from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import AuditKey, key_for_writing
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.entries import append, head_of, remember_present_end
from adapters.catalogue.log.known_entry import known_entry, lost_entry_problem
from adapters.catalogue.log.log_end import LogEnd
from adapters.catalogue.log.restores import LostEntry, lost_known_entries
from adapters.catalogue.log.sealing import seal_all
from adapters.catalogue.review.audit_check import AuditReport, check
from manifests.errors import CatalogueError

_DIGEST = re.compile("[0-9a-fA-F]{64}")


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

    def about(self, subject: str, limit: int = 100) -> list[AuditEntry]:
        """Return the entries about a clip, a provider job or another subject, newest first."""
        query = select(audit).where(audit.c.subject == subject).order_by(audit.c.audit_id.desc()).limit(limit)
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
            row = head_of(connection)
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
        with self._db.reading_snapshot() as connection:
            LogEnd().check(connection, known_entry(connection))

    def seal(self, key: AuditKey, actor: str, lost: Iterable[tuple[int, str]] = ()) -> int:
        """Seal everything as it is now with a key, and return the number of sealed events; see ``sealing``.

        Args:
            lost: numbers and digests of anchored entries that the log does not contain. The log records that the
                actor accepts this, also for the newest entry that this home knows.
        """
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


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        row.audit_id, row.at_ms, row.actor, row.action, row.subject, object_in(row.detail), row.previous, row.digest
    )
