"""Check that the audit log is complete: it has no gap, ends at its sealed head, and has the newest known entry.

Without this, the entry about a rejection could be deleted before a delivery, or the log cut back to an earlier head.
"""

import time
from typing import Any

from sqlalchemy import Connection, func, select

from adapters.catalogue.core.database import remember
from adapters.catalogue.core.log_mark import KnownEntry
from adapters.catalogue.core.seals import AuditKey, access_of
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.earlier_entries import SEALED_BY_EARLIER_VERSION, EarlierEntries, sealed_earlier
from adapters.catalogue.log.entries import head_of, is_head_genuine
from adapters.catalogue.log.genuine_entry import is_entry_genuine
from adapters.catalogue.log.known_entry import lost_entry_problem
from adapters.catalogue.log.ordinary_tables import table_problem
from manifests.errors import CatalogueError

_ROWS = 10_000
_COUNT = select(func.count()).select_from(audit)
_HOW = (
    "Nothing is decided or published until then. Run `reelmill audit verify` to see what was changed; the section "
    "about tampering in docs/operations.md says what to do."
)
AGAIN_S = 30.0
"""Seconds after which the whole log is read again, because an entry that was read before may have been changed."""
SHARE = 0.1
"""Share of the time that reading the whole log again may take; with a long log, it is read less often."""


class LogEnd:
    """Checks the log of one catalogue; later checks read only the new entries, and the whole log now and then."""

    def __init__(self) -> None:
        self._checked = KnownEntry(0, "")
        self._start = 0
        self._earlier = 0
        self._due = 0.0

    def read_all_again(self) -> None:
        """Read the whole log at the next check."""
        self._due = 0.0

    def check(self, connection: Connection, known: KnownEntry | None) -> None:
        """Check the log in a snapshot that was opened after the known entry was read, and remember its end.

        Raises:
            CatalogueError: entries were removed, added or changed outside Reelmill.
        """
        key, head = access_of(connection).key, head_of(connection)
        problem = lost_entry_problem(connection, known)
        if not problem and key:
            problem = self._problem(connection, key, head)
        if problem:
            self._due = 0.0  # the log may be replaced by a backup that is shorter
            raise CatalogueError(problem)
        mark = access_of(connection).mark
        if mark and (known is None or known.number < head.entries):
            remember(mark, KnownEntry(head.entries, head.digest))  # entries of other installations

    def _problem(self, connection: Connection, key: AuditKey, head: Any) -> str:
        if not is_head_genuine(head, key):
            return f"The head of the audit log was changed outside Reelmill. {_HOW}"
        began, start = time.monotonic(), head.sealed_from or 0
        is_whole = began >= self._due or start != self._start
        if is_whole:
            earlier = EarlierEntries.of(connection, start)
            if problem := table_problem(connection) or _earlier_problem(connection, key, start, earlier):
                return problem
            self._start, self._earlier = start, earlier.number
            self._checked = KnownEntry(start, head.digest if start == head.entries else "")
        last = _walk(connection, key, self._checked)
        number = connection.execute(_COUNT).scalar_one() - self._earlier
        if last is None or last != KnownEntry(head.entries, head.digest) or number != head.entries - start:
            return f"Entries of the audit log were removed, added or changed outside Reelmill. {_HOW}"
        self._checked = last
        if is_whole:
            self._due = time.monotonic() + max(AGAIN_S, (time.monotonic() - began) / SHARE)
        return ""


def _earlier_problem(connection: Connection, key: AuditKey, start: int, found: EarlierEntries) -> str:
    """Return what is wrong with the entries from before the log was sealed."""
    expected = sealed_earlier(connection, key, start)
    if expected is None:
        return SEALED_BY_EARLIER_VERSION
    if found != expected:
        return (
            "Entries of the audit log from before it was sealed were removed, added or changed outside Reelmill. "
            f"{_HOW}"
        )
    return ""


def _walk(connection: Connection, key: AuditKey, checked: KnownEntry) -> KnownEntry | None:
    """Return the last entry of an intact chain after the checked one; None if the chain is broken."""
    query = select(audit).where(audit.c.audit_id > checked.number).order_by(audit.c.audit_id)
    rows: Any = connection.execute(query, execution_options={"yield_per": _ROWS})
    for row in rows:
        follows = row.audit_id == checked.number + 1 and row.previous == (checked.digest or row.previous)
        if not follows or not is_entry_genuine(row, key):
            return None
        checked = KnownEntry(row.audit_id, row.digest)
    return checked
