"""Check that the audit log is complete: it has no gap, ends at its sealed head, and has the newest known entry.

Without this, the entry about a rejection could be deleted before a delivery, or the log cut back to an earlier head.
"""

from typing import Any

from sqlalchemy import Connection, func, select

from adapters.catalogue.core.log_mark import KnownEntry
from adapters.catalogue.core.seals import ENTRY, AuditKey, access_of
from adapters.catalogue.core.tables import audit, audit_head
from adapters.catalogue.log.entries import GENESIS, digest_of, is_genuine
from adapters.catalogue.log.known_entry import lost_entry_problem
from manifests.errors import CatalogueError

_ROWS = 10_000
_START = KnownEntry(0, GENESIS)
_HOW = (
    "Nothing is decided or published until then. Run `reelmill audit verify` to see what was changed; the section "
    "about tampering in docs/operations.md says what to do."
)


class LogEnd:
    """Checks the log of one catalogue; later checks read only the new entries."""

    def __init__(self) -> None:
        self._checked = _START

    def check(self, connection: Connection, known: KnownEntry | None) -> None:
        """Check the log in a snapshot that was opened after the known entry was read, and remember its end.

        Entries from before the seals count as genuine, even if some were lost.

        Raises:
            CatalogueError: entries were removed, added or changed outside Reelmill.
        """
        key = access_of(connection).key
        head = connection.execute(select(audit_head)).one()
        problem = lost_entry_problem(connection, known)
        if not problem and key:
            problem = self._problem(connection, key, head)
        if problem:
            self._checked = _START  # the log may be replaced by a backup that is shorter
            raise CatalogueError(problem)
        mark = access_of(connection).mark
        if mark and (known is None or known.number < head.entries):
            mark.advance(_end_of(head))  # entries of other installations

    def _problem(self, connection: Connection, key: AuditKey, head: Any) -> str:
        if not is_genuine(head, key):
            return f"The head of the audit log was changed outside Reelmill. {_HOW}"
        start = head.sealed_from or 0
        number = connection.execute(select(func.count()).where(audit.c.audit_id > start)).scalar_one()
        checked = max(self._checked, KnownEntry(start, ""))
        last = self._walk(connection, key, checked)
        if last is None or number != head.entries - start or (head.entries > start and last != _end_of(head)):
            return f"Entries of the audit log were removed, added or changed outside Reelmill. {_HOW}"
        self._checked = last
        return ""

    @staticmethod
    def _walk(connection: Connection, key: AuditKey, checked: KnownEntry) -> KnownEntry | None:
        """Return the last entry of an intact chain after the checked one; None if the chain is broken."""
        query = select(audit).where(audit.c.audit_id > checked.number).order_by(audit.c.audit_id)
        rows: Any = connection.execute(query, execution_options={"yield_per": _ROWS})
        for row in rows:
            follows = row.audit_id == checked.number + 1 and row.previous == (checked.digest or row.previous)
            if not follows or row.digest != digest_of(row._mapping) or not key.matches(row.seal, ENTRY, row.digest):
                return None
            checked = KnownEntry(row.audit_id, row.digest)
        return checked


def _end_of(head: Any) -> KnownEntry:
    return KnownEntry(head.entries, head.digest)
