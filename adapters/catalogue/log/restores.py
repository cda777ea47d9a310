"""Losses of entries that a person has accepted, mostly because a backup was restored.

The anchors of these entries count as explained.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import DAMAGED, clean, object_in
from adapters.catalogue.core.seals import key_for_reading, key_for_writing
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.entries import add_entries, check_head, head_of, lock_head, remember_present_end
from adapters.catalogue.log.genuine_entry import is_entry_genuine
from adapters.catalogue.log.known_entry import known_entry, lost_entry_problem
from adapters.catalogue.log.replay import SNAPSHOT
from manifests.errors import CatalogueError
from manifests.pluralize import one_or_more
from manifests.signing_time import moment_text

ACCEPTED = "restore accepted"
SUBJECT = "catalogue"


class LostEntry(NamedTuple):
    """An entry that an anchor or a home proves, and that the log does not contain."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class AcceptedRestore:
    """A person's statement that entries are missing, because a backup was restored or the catalogue was lost.

    Attributes:
        at: seconds since 1970.
    """

    at: float
    actor: str
    reason: str
    lost: frozenset[LostEntry]

    @property
    def note(self) -> str:
        """What it says, as a sentence."""
        newest = max((entry.number for entry in self.lost), default=0)
        others = len({entry.number for entry in self.lost}) - 1
        more = f" and {others:,} earlier {one_or_more(others, 'one', 'ones')}" if others > 0 else ""
        return (
            f"The log has lost entry {newest:,}{more}. {self.actor} accepted this on {moment_text(self.at)}: "
            f"{self.reason}"
        )


class Restores(CataloguePart):
    """Record and read accepted restores; they are sealed entries of the log."""

    def accept(self, actor: str, reason: str, lost: Collection[LostEntry]) -> None:
        """Record that these entries, and the newest known one, are missing: a backup was restored, or all was lost.

        Raises:
            CatalogueError: the reason is empty, or nothing can be added to the log.
        """
        if not (said := " ".join(clean(reason).split())):
            raise CatalogueError("The reason is empty. Enter why entries are missing.")
        with self._db.writing() as connection:
            head, key = lock_head(connection), key_for_writing(connection)
            check_head(head, key)
            mine = lost_known_entries(connection)
            add_entries(connection, key, head, actor, ACCEPTED, [acceptance(said, {*lost, *mine})])
        remember_present_end(self._db)  # only now, so that a failure does not end the knowledge of the loss

    def accepted(self) -> list[AcceptedRestore]:
        """Return the accepted restores, oldest first; entries that are not genuine are left out."""
        with self._db.reading() as connection:
            return accepted_restores(connection)

    def key_ids(self) -> list[str]:
        """Return the ids of the audit keys that this log had, the present one first."""
        with self._db.reading() as connection:
            found = [head_of(connection).key_id]
            for row in _genuine(connection, SNAPSHOT):
                detail = object_in(row.detail)
                found += [detail.get("key_id"), detail.get("former_key_id")]
        return list(dict.fromkeys(filter(None, found)))


def accepted_restores(connection: Connection) -> list[AcceptedRestore]:
    """Return the accepted restores, oldest first; entries that are not genuine are left out."""
    found = []
    for row in _genuine(connection, ACCEPTED):
        with suppress(*DAMAGED):  # without the key, it may be forged and say anything
            found.append(_restore(row))
    return found


def lost_known_entries(connection: Connection) -> set[LostEntry]:
    """Return the newest entry that this home knows, if the log does not contain it as it was.

    A damaged file of the home names none; `reelmill audit verify` reports that.
    """
    try:
        known = known_entry(connection)
    except CatalogueError:
        return set()
    return {LostEntry(*known)} if known and lost_entry_problem(connection, known) else set()


def acceptance(reason: str, lost: Collection[LostEntry]) -> tuple[str, dict[str, Any]]:
    """Return the subject and the detail of the entry that accepts a loss."""
    return SUBJECT, {"reason": reason, "lost": sorted(lost)}


def _genuine(connection: Connection, action: str) -> Iterator[Any]:
    key = key_for_reading(connection)
    rows: Any = connection.execute(select(audit).where(audit.c.action == action).order_by(audit.c.audit_id))
    for row in rows:
        if is_entry_genuine(row, key):
            yield row


def _restore(row: Any) -> AcceptedRestore:
    detail = json.loads(row.detail)
    lost = frozenset(LostEntry(number, digest) for number, digest in detail["lost"])
    return AcceptedRestore(row.at_ms / 1000, row.actor, detail["reason"], lost)
