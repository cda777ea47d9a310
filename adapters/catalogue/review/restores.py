"""Restores of a backup that a person has accepted: anchors of the entries that were lost count as explained."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.seals import ENTRY, key_for_reading
from adapters.catalogue.core.tables import audit, audit_head
from adapters.catalogue.review.audit import append, digest_of, remember_present_end
from adapters.catalogue.review.known_entry import known_entry, lost_entry_problem
from adapters.catalogue.review.replay import SNAPSHOT
from manifests.errors import CatalogueError

ACCEPTED = "restore accepted"
SUBJECT = "catalogue"


class LostEntry(NamedTuple):
    """An entry that an anchor proves, and that the log does not contain."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class AcceptedRestore:
    """A person's statement that entries are missing because a backup was restored.

    Attributes:
        at: seconds since 1970.
    """

    at: float
    actor: str
    reason: str
    lost: frozenset[LostEntry]


class Restores(CataloguePart):
    """Record and read accepted restores; they are sealed entries of the log."""

    def accept(self, actor: str, reason: str, lost: Collection[LostEntry]) -> None:
        """Record that these entries, and the newest known one, are missing because a backup was restored.

        Raises:
            CatalogueError: the reason is empty, or nothing can be added to the log.
        """
        if not (said := " ".join(clean(reason).split())):
            raise CatalogueError("The reason is empty. Enter why the backup was restored.")
        with self._db.reading() as connection:
            known = known_entry(connection)
            mine = {LostEntry(*known)} if known and lost_entry_problem(connection, known) else set()
        remember_present_end(self._db)
        with self._db.writing() as connection:
            append(connection, actor, ACCEPTED, [(SUBJECT, {"reason": said, "lost": sorted({*lost, *mine})})])

    def accepted(self) -> list[AcceptedRestore]:
        """Return the accepted restores, oldest first; entries that are not genuine are left out."""
        with self._db.reading() as connection:
            return [_restore(row) for row in _genuine(connection, ACCEPTED)]

    def key_ids(self) -> list[str]:
        """Return the ids of the audit keys that this log had, the present one first."""
        with self._db.reading() as connection:
            found = [connection.execute(select(audit_head.c.key_id)).scalar()]
            for row in _genuine(connection, SNAPSHOT):
                detail = json.loads(row.detail)
                found += [detail.get("key_id"), detail.get("former_key_id")]
        return list(dict.fromkeys(filter(None, found)))


def _genuine(connection: Connection, action: str) -> Iterator[Any]:
    key = key_for_reading(connection)
    sealed_from = connection.execute(select(audit_head.c.sealed_from)).scalar()
    rows: Any = connection.execute(select(audit).where(audit.c.action == action).order_by(audit.c.audit_id))
    for row in rows:
        is_sealed = key is None or row.audit_id <= (sealed_from or 0) or key.matches(row.seal, ENTRY, row.digest)
        if is_sealed and row.digest == digest_of(row._mapping):
            yield row


def _restore(row: Any) -> AcceptedRestore:
    detail = json.loads(row.detail)
    lost = frozenset(LostEntry(number, digest) for number, digest in detail["lost"])
    return AcceptedRestore(row.at_ms / 1000, row.actor, detail["reason"], lost)
