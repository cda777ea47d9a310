"""The append-only audit log: each entry's digest covers the previous entry, which reveals any change."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.tables import audit, audit_head, events

GENESIS = "0" * 64


SHOWN_PROBLEMS = 20


_ROWS = 10_000


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
    """The result of a verification; ``digest`` is that of the last entry, to be stored elsewhere."""

    entries: int
    digest: str
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if no problem was found."""
        return not self.problems


class Audit(CataloguePart):
    """Read the log, and verify it against itself and the events."""

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

    def verify(self, expected: str | None = None) -> AuditReport:
        """Recompute every digest, and compare the log with its head and with the events.

        Args:
            expected: a digest stored earlier, which the log must still contain. Only this reveals that log, head
                and events were rewritten together.
        """
        with self._db.reading_snapshot() as connection:
            head = connection.execute(select(audit_head)).one()
            walk = _Walk(expected)
            for row in _all(connection):
                walk.step(row)
            problems = [
                *walk.problems,
                *walk.compare(head.entries, head.digest),
                *_unlogged(connection, walk.decisions, head.since_event),
            ]
        return AuditReport(walk.entries, walk.previous, tuple(problems[:SHOWN_PROBLEMS]))


def append(connection: Connection, actor: str, action: str, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Add an entry for each (subject, detail), within the transaction of the change.

    The head is locked first, so that two transactions never use the same entry number.
    """
    head = lock_head(connection)
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
        previous = row["digest"] = _digest(row)
        rows.append(row)
    if rows:
        connection.execute(insert(audit), rows)
        connection.execute(update(audit_head).where(audit_head.c.head_id == 1).values(entries=number, digest=previous))


def lock_head(connection: Connection) -> Any:
    """Lock and return the head; other writers of the log wait until this transaction ends."""
    return connection.execute(select(audit_head).where(audit_head.c.head_id == 1).with_for_update()).one()


def _digest(row: Mapping[str, Any]) -> str:
    fields = [row[name] for name in ("audit_id", "at_ms", "actor", "action", "subject", "detail", "previous")]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


class _Walk:
    """One pass over the log."""

    def __init__(self, expected: str | None) -> None:
        self._expected = expected
        self.entries = 0
        self.previous = GENESIS
        self.problems: list[str] = []
        self.decisions: Counter[tuple[str, str, str]] = Counter()

    def step(self, row: Any) -> None:
        """Check one entry against the previous one."""
        self.entries += 1
        if row.audit_id != self.entries:
            self.problems.append(f"Entry {self.entries} is missing; it is followed by entry {row.audit_id}.")
            self.entries = row.audit_id
        if row.previous != self.previous:
            self.problems.append(
                f"Entry {row.audit_id} does not follow the previous entry: one of the two was changed."
            )
        if row.digest != _digest(row._mapping):
            self.problems.append(f"Entry {row.audit_id} ({row.action}, {row.actor}) was changed after it was written.")
        self.previous = row.digest
        self.decisions[row.subject, row.action, row.actor] += 1
        if self._expected == row.digest:
            self._expected = None

    def compare(self, entries: int, digest: str) -> Iterator[str]:
        """Yield how the log differs from the head and from the expected digest."""
        if (entries, digest) != (self.entries, self.previous):
            yield f"The log ends at entry {self.entries}, but its head says {entries}: entries were removed or added."
        if self._expected is not None and self._expected != GENESIS:
            yield f"No entry has the digest {self._expected}: the log was rewritten since then."


def _all(connection: Connection) -> Iterator[Any]:
    last = 0
    while rows := connection.execute(
        select(audit).where(audit.c.audit_id > last).order_by(audit.c.audit_id).limit(_ROWS)
    ).all():
        yield from rows
        last = rows[-1].audit_id


def _unlogged(connection: Connection, logged: Counter[tuple[str, str, str]], since: int) -> Iterator[str]:
    """Yield the events of persons that have no entry in the log."""
    query = select(events.c.variant_id, events.c.to_state, events.c.actor).where(
        events.c.event_id > since, events.c.actor.startswith("person:")
    )
    counted = Counter((row.variant_id, row.to_state, row.actor) for row in connection.execute(query))
    for (variant_id, state, actor), number in counted.items():
        if logged[variant_id, state, actor] < number:
            yield f"{actor} set variant {variant_id} to {state}, but the log has no entry for it."


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        row.audit_id, row.at_ms, row.actor, row.action, row.subject, json.loads(row.detail), row.previous, row.digest
    )
