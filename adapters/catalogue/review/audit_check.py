"""Verify the audit log against itself, its seals, and the tables that it describes."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, select

from adapters.catalogue.core.database import BATCH
from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import CAMPAIGN, ENTRY, AuditKey, access_of
from adapters.catalogue.core.tables import audit, audit_head, campaigns, events, variants
from adapters.catalogue.review.approval_proof import PROVED, clip_of, event_problem, evidence_of, problem_of
from adapters.catalogue.review.audit import GENESIS, AuditReport, digest_of, is_genuine
from adapters.catalogue.review.replay import Replay
from manifests.states import State

SHOWN_PROBLEMS = 20
_ROWS = 10_000


def check(connection: Connection, expected: str | None) -> AuditReport:
    """Return the result of a verification; see ``Audit.verify``."""
    head = connection.execute(select(audit_head)).first()
    if head is None:
        return AuditReport(0, GENESIS, ("The head of the audit log is missing. Restore the database from a backup.",))
    access = access_of(connection)
    walk, replay = _Walk(expected, access.key, head.sealed_from), Replay()
    for row in _all(connection):
        walk.step(row)
        replay.apply(row)
    found = [
        *walk.problems,
        *walk.compare(head.entries, head.digest),
        *_seal_problems(access.key, access.problem, head),
        *_first(replay.problems(connection, head.since_event)),
        *_first(_contradictions(connection)),
        *_first(_settings_problems(connection, access.key)),
        *_first(_unproven(connection)),
    ]
    return AuditReport(walk.entries, walk.previous, tuple(dict.fromkeys(found))[:SHOWN_PROBLEMS])


class _Walk:
    """One pass over the log."""

    def __init__(self, expected: str | None, key: AuditKey | None, sealed_from: int | None) -> None:
        self._expected = expected
        self._key = key if sealed_from is not None else None
        self._sealed_from = sealed_from or 0
        self.entries = 0
        self.previous = GENESIS
        self.problems: list[str] = []

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
        if row.digest != digest_of(row._mapping):
            self.problems.append(f"Entry {row.audit_id} ({row.action}, {row.actor}) was changed after it was written.")
        elif self._key and row.audit_id > self._sealed_from and not self._key.matches(row.seal, ENTRY, row.digest):
            self.problems.append(
                f"Entry {row.audit_id} ({row.action}, {row.actor}) was written outside Reelmill: its seal is wrong."
            )
        self.previous = row.digest
        if self._expected == row.digest:
            self._expected = None

    def compare(self, entries: int, digest: str) -> Iterator[str]:
        """Yield how the log differs from the head and from the expected digest."""
        if (entries, digest) != (self.entries, self.previous):
            yield f"The log ends at entry {self.entries}, but its head says {entries}: entries were removed or added."
        if self._expected is not None and self._expected != GENESIS:
            yield f"No entry has the digest {self._expected}: the log was rewritten since then."


def _seal_problems(key: AuditKey | None, problem: str, head: Any) -> Iterator[str]:
    if problem:
        yield problem
    elif key is None and head.key_id:
        yield "The log is sealed, but the seals cannot be checked without the key. Set REELMILL_AUDIT_KEY."
    elif key and not is_genuine(head, key):
        yield "The head of the log was changed outside Reelmill: its seal is wrong."


def _contradictions(connection: Connection) -> Iterator[str]:
    """Yield the variants whose state is not that of their last event."""
    mine = events.alias()
    last = select(func.max(mine.c.event_id)).where(mine.c.variant_id == variants.c.variant_id).scalar_subquery()
    query = (
        select(variants.c.variant_id, variants.c.state, events.c.to_state)
        .select_from(variants)
        .outerjoin(events, events.c.event_id == last)
        .where(variants.c.state.not_in(PROVED), events.c.to_state.is_distinct_from(variants.c.state))
        .limit(SHOWN_PROBLEMS)
    )
    for row in connection.execute(query):
        yield (
            f"The state of variant {row.variant_id} was set to {row.state} outside Reelmill; its last event is "
            f"{row.to_state or 'missing'}."
        )


def _settings_problems(connection: Connection, key: AuditKey | None) -> Iterator[str]:
    if key:
        for row in connection.execute(select(campaigns.c.campaign_id, campaigns.c.settings, campaigns.c.seal)):
            if not key.matches(row.seal, CAMPAIGN, row.campaign_id, row.settings):
                yield (
                    f"The settings of the campaign {row.campaign_id} were changed outside Reelmill. Run its sheet "
                    "again to restore them."
                )


def _unproven(connection: Connection) -> Iterator[str]:
    """Yield the delivered clips whose approval is not proven, and sealed events that were forged."""
    key = access_of(connection).key
    for batch in _variants(connection):
        evidence = evidence_of(connection, [row.variant_id for row in batch], chain_is_checked=True)
        for row in batch:
            history = evidence.events.get(row.variant_id, ())
            if row.state in PROVED:
                if problem := problem_of(clip_of(row), evidence):
                    yield f"The approval of variant {row.variant_id} ({row.state}) is not proven: {problem}."
            elif history and (problem := event_problem(history, len(history) - 1, key)):
                yield f"Variant {row.variant_id} ({row.state}): {problem}."
            if row.state == State.PUBLISHED and history and object_in(history[-1].detail).get("url") != row.url:
                yield f"The URL of the published variant {row.variant_id} was changed outside Reelmill."


def _variants(connection: Connection) -> Iterator[list[Any]]:
    """Yield the variants in decided or delivered states, in batches."""
    columns = variants.c.variant_id, variants.c.state, variants.c.clip, variants.c.signed, variants.c.url
    states = [*PROVED, State.REJECTED, State.WITHDRAWN]
    last = ""
    while rows := connection.execute(
        select(*columns)
        .where(variants.c.state.in_(states), variants.c.variant_id > last)
        .order_by(variants.c.variant_id)
        .limit(BATCH)
    ).all():
        yield list(rows)
        last = rows[-1].variant_id


def _all(connection: Connection) -> Iterator[Any]:
    last = -(2**62)
    while rows := connection.execute(
        select(audit).where(audit.c.audit_id > last).order_by(audit.c.audit_id).limit(_ROWS)
    ).all():
        yield from rows
        last = rows[-1].audit_id


def _first(problems: Iterator[str]) -> list[str]:
    return list(islice(problems, SHOWN_PROBLEMS))
