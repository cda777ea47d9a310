"""The entries from before the log was sealed, as the person who sealed it has accepted them.

They may have gaps, because a person can seal a log that was tampered with. From then on, none of them may change.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, select

from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import AuditKey
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.genuine_entry import has_own_digest, is_entry_genuine
from adapters.catalogue.log.replay import SNAPSHOT

BEFORE = "before"
"""Field of the entry SNAPSHOT with the number and digest of the entries before it was sealed."""
SEALED_BY_EARLIER_VERSION = (
    "The audit log was sealed by an earlier version, which did not protect the entries before that. Run `reelmill "
    "audit verify`, and then `reelmill audit seal` once."
)
_ROWS = 10_000


class EarlierEntries(NamedTuple):
    """The number of the entries up to the one at which the log was sealed, and a digest of their content."""

    number: int
    digest: str

    @classmethod
    def of(cls, connection: Connection, sealed_from: int) -> Self:
        """Read them; numbers below 1, which Reelmill never writes, are included."""
        query = select(audit).where(audit.c.audit_id <= sealed_from).order_by(audit.c.audit_id)
        rows: Any = connection.execute(query, execution_options={"yield_per": _ROWS})
        number, digest = 0, hashlib.sha256()
        for row in rows:
            number += 1
            digest.update(f"{row.audit_id} {row.digest} {has_own_digest(row)} {row.seal}\n".encode())
        return cls(number, digest.hexdigest())

    @property
    def detail(self) -> Mapping[str, Any]:
        """What the entry SNAPSHOT says about them."""
        return {BEFORE: [self.number, self.digest]}


_NONE = EarlierEntries(0, hashlib.sha256().hexdigest())


def sealed_earlier(connection: Connection, key: AuditKey, sealed_from: int) -> EarlierEntries | None:
    """Return what a person or the program accepted when the log was sealed; None if an earlier version sealed it."""
    if not sealed_from:
        return _NONE
    query = (
        select(audit)
        .where(audit.c.audit_id > sealed_from, audit.c.action == SNAPSHOT)
        .order_by(audit.c.audit_id)
        .limit(1)
    )
    row = connection.execute(query).first()
    found = object_in(row.detail).get(BEFORE) if row and is_entry_genuine(row, key) else None
    return EarlierEntries(*found) if found else None
