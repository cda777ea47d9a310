"""Verify the audit log against itself, its seals, and the tables that it describes."""

import json
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, select

from adapters.catalogue.core.database import BATCH
from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import ENTRY, AuditKey, access_of, account_fields, account_rows, membership_fields
from adapters.catalogue.core.secret_seals import SECRET_TABLES, is_sealed_secret, secret_rows
from adapters.catalogue.core.tables import audit, audit_head, campaigns, events, memberships, variants
from adapters.catalogue.log.campaign_log import changed_campaigns
from adapters.catalogue.log.entries import GENESIS, digest_of, is_genuine
from adapters.catalogue.log.known_entry import known_entry, lost_entry_problem
from adapters.catalogue.log.logged_deliveries import LoggedDeliveries
from adapters.catalogue.log.places_log import different_text, logged_places
from adapters.catalogue.log.replay import SHOWN_DIGITS, Replay, repair_text
from adapters.catalogue.log.restores import AcceptedRestore, accepted_restores
from adapters.catalogue.review.approval_proof import PROVED, clip_of, evidence_of, history_problem, problem_of
from adapters.catalogue.review.decisions import UNPROVEN
from manifests.pluralize import count_of
from manifests.signing_time import moment_text
from manifests.states import State

SHOWN_PROBLEMS = 20
_ROWS = 10_000


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


def check(connection: Connection, expected: str | None) -> AuditReport:
    """Return the result of a verification; see ``Audit.verify``."""
    known = known_entry(connection)
    head = connection.execute(select(audit_head)).first()
    if head is None:
        return AuditReport(0, GENESIS, ("The head of the audit log is missing. Restore the database from a backup.",))
    access = access_of(connection)
    key = _fitting_key(connection, access.key, head)
    walk, replay, caught = _Walk(expected, key, head.sealed_from), Replay(), _Caught()
    deliveries, restores = LoggedDeliveries(), accepted_restores(connection)
    for row in _all(connection):
        walk.step(row)
        replay.apply(row)
        caught.apply(row)
        deliveries.apply(row)
    found = [
        *_seal_problems(key, access.problem, head),
        *walk.problems[: SHOWN_PROBLEMS // 2],
        *walk.compare(head.entries, head.digest),
        *_expected_problems(walk, restores),
        *filter(None, [lost_entry_problem(connection, known)]),
        *_first(replay.problems(connection, head.since_event)),
        *_first(deliveries.problems(connection)),
        *_first(_contradictions(connection)),
        *_first(_settings_problems(connection)),
        *_first(_membership_problems(connection, key)),
        *_first(_access_problems(connection, key)),
        *_first(_unproven(connection, key)),
    ]
    found += _account_problems(connection, key, found)
    problems = tuple(dict.fromkeys(found))[:SHOWN_PROBLEMS]
    return AuditReport(
        walk.entries,
        walk.previous,
        problems,
        (*(restore.note for restore in restores), *caught.notes),
        lacks_key=key is None and head.key_id is not None,
        lacks_expected=bool(restores) and list(problems) == list(_expected_problems(walk, restores)),
    )


def _fitting_key(connection: Connection, key: AuditKey | None, head: Any) -> AuditKey | None:
    """Return the key of this process if the log is sealed with it; the seals are not checked with another one.

    The head alone does not decide that, because it could be changed so that no seal is checked.
    """
    if key is None or head.key_id in (None, key.key_id):
        return key
    newest = connection.execute(select(audit.c.digest, audit.c.seal).order_by(audit.c.audit_id.desc()).limit(1)).first()
    return key if newest and key.matches(newest.seal, ENTRY, newest.digest) else None


class _Caught:
    """The unproven approvals that were found before their clips were signed."""

    def __init__(self) -> None:
        self._found: deque[str] = deque(maxlen=SHOWN_PROBLEMS)
        self._number = 0

    def apply(self, row: Any) -> None:
        """Note one entry."""
        if row.action == UNPROVEN:
            self._number += 1
            at = datetime.fromtimestamp(row.at_ms / 1000, UTC)
            self._found.append(
                f"{at:%Y-%m-%d %H:%M} UTC: the variant {row.subject} was quarantined, because its approval was not "
                f"proven: {json.loads(row.detail)['reason']}."
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """The newest ones, and how many there were."""
        left = self._number - len(self._found)
        more = [f"{count_of(left, 'earlier unproven approval')}: see the audit log in the dashboard."] if left else []
        return (*more, *self._found)


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

    @property
    def missing(self) -> str:
        """The expected digest, if no entry has it; otherwise empty."""
        return self._expected if self._expected and self._expected != GENESIS else ""

    def compare(self, entries: int, digest: str) -> Iterator[str]:
        """Yield how the log differs from the head."""
        if (entries, digest) != (self.entries, self.previous):
            yield f"The log ends at entry {self.entries}, but its head says {entries}: entries were removed or added."


def _expected_problems(walk: _Walk, restores: Sequence[AcceptedRestore]) -> Iterator[str]:
    """Yield that the log does not contain the expected digest, and whether an accepted loss may explain this."""
    if not walk.missing:
        return
    if not restores:
        yield f"No entry has the digest {walk.missing}: the log was rewritten since then."
        return
    of_it = [restore for restore in restores if any(entry.digest == walk.missing for entry in restore.lost)]
    restore = (of_it or restores)[-1]
    how = "was lost" if of_it else "may have been lost"
    otherwise = "" if of_it else " Otherwise, the log was rewritten since then."
    yield (
        f"No entry has the digest {walk.missing}: the entry {how} with those whose loss {restore.actor} accepted on "
        f"{moment_text(restore.at)} ({restore.reason}). If you noted the digest before that, note the present one "
        f"instead: {walk.previous}.{otherwise}"
    )


def _seal_problems(key: AuditKey | None, problem: str, head: Any) -> Iterator[str]:
    if key and head.key_id not in (None, key.key_id):
        yield (
            "The head of the log was changed outside Reelmill: it names another audit key than the one that seals the "
            "log."
        )
    elif problem:
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


def _settings_problems(connection: Connection) -> Iterator[str]:
    for rows in connection.execute(select(campaigns)).partitions(BATCH):
        for name in changed_campaigns(connection, rows):
            yield (
                f"The settings of the campaign {name} were changed outside Reelmill. Run its sheet again to restore "
                "them."
            )


def _membership_problems(connection: Connection, key: AuditKey | None) -> Iterator[str]:
    found: Counter[str] = Counter()
    for row in connection.execute(select(memberships), execution_options={"yield_per": _ROWS}):
        if key and not key.matches(row.seal, *membership_fields(row._mapping)):
            yield (
                f"The place of variant {row.variant_id} in the campaign {row.campaign_id} was written or changed "
                "outside Reelmill. If the clip belongs there, run the sheet of the campaign again."
            )
        else:
            found[row.campaign_id] += 1
    for name, logged in logged_places(connection).items():
        if found[name] != logged.number:
            yield different_text(name, found[name], logged)


def _account_problems(connection: Connection, key: AuditKey | None, found: Sequence[str]) -> list[str]:
    """Return accounts with a wrong seal that agree with the log, so that no other problem names them."""
    rows = connection.execute(account_rows()).all() if key else ()
    return [
        f"The account {row.name!r} cannot be used, because its seal was changed outside Reelmill. "
        f"{repair_text(row.name, row.role)}"
        for row in rows
        if key and not key.matches(row.seal, *account_fields(row)) and not _names(found, row.name)
    ]


def _names(found: Sequence[str], account: str) -> bool:
    return any(f"account {account!r}" in problem for problem in found)


def _access_problems(connection: Connection, key: AuditKey | None) -> Iterator[str]:
    """Yield the sessions, API tokens and share links that are not as Reelmill wrote them."""
    if key is None:
        return
    for what, table in SECRET_TABLES.items():
        for row in connection.execute(secret_rows(table)):
            if not is_sealed_secret(key, table, row):
                owner = row.created_by if what == "share link" else row.account
                yield (
                    f"The {what} {row.secret_sha256[:SHOWN_DIGITS]} of {owner!r} was added or changed outside "
                    "Reelmill: its seal is wrong, so it cannot be used."
                )


def _unproven(connection: Connection, key: AuditKey | None) -> Iterator[str]:
    """Yield the delivered clips whose approval is not proven, and events that were forged."""
    for batch in _variants(connection):
        evidence = evidence_of(connection, [row.variant_id for row in batch], key, chain_is_checked=True)
        for row in batch:
            history = evidence.events.get(row.variant_id, ())
            if row.state in PROVED:
                if problem := problem_of(clip_of(row), evidence):
                    yield f"The approval of variant {row.variant_id} ({row.state}) is not proven: {problem}."
            elif problem := history_problem(history, key):
                yield f"Variant {row.variant_id} ({row.state}): {problem}."
            if row.state == State.PUBLISHED and history and object_in(history[-1].detail).get("url") != row.url:
                yield f"The URL of the published variant {row.variant_id} was changed outside Reelmill."


def _variants(connection: Connection) -> Iterator[list[Any]]:
    """Yield all variants, in batches."""
    columns = variants.c.variant_id, variants.c.state, variants.c.clip, variants.c.signed, variants.c.url
    last = ""
    while rows := connection.execute(
        select(*columns).where(variants.c.variant_id > last).order_by(variants.c.variant_id).limit(BATCH)
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
