"""Verify the audit log against itself, its seals, and the tables that it describes."""

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, zip_longest
from typing import Any, Protocol

from sqlalchemy import Connection, func, select

from adapters.catalogue.core.database import BATCH
from adapters.catalogue.core.rows import DAMAGED, object_in
from adapters.catalogue.core.seals import ENTRY, AuditKey, access_of, account_fields, account_rows, membership_fields
from adapters.catalogue.core.secret_seals import SECRET_TABLES, is_sealed_secret, secret_rows
from adapters.catalogue.core.tables import audit, campaigns, events, memberships, variants
from adapters.catalogue.log.campaign_log import changed_campaigns
from adapters.catalogue.log.earlier_entries import SEALED_BY_EARLIER_VERSION, EarlierEntries, sealed_earlier
from adapters.catalogue.log.entries import GENESIS, head_of, is_head_genuine
from adapters.catalogue.log.genuine_entry import has_own_digest, is_entry_genuine
from adapters.catalogue.log.known_entry import known_entry, lost_entry_problem
from adapters.catalogue.log.logged_deliveries import LoggedDeliveries
from adapters.catalogue.log.ordinary_tables import table_problem
from adapters.catalogue.log.places_log import different_text, logged_places
from adapters.catalogue.log.replay import SHOWN_DIGITS, Replay, repair_text
from adapters.catalogue.log.restores import AcceptedRestore, accepted_restores
from adapters.catalogue.review.approval_proof import PROVED, clip_of, evidence_of, history_problem, problem_of
from adapters.catalogue.review.decisions import UNPROVEN
from adapters.catalogue.review.deliverable_proof import deliverable_problems
from manifests.errors import CatalogueError
from manifests.pluralize import count_of
from manifests.signing_time import moment_text
from manifests.states import State

SHOWN_PROBLEMS = 20
MORE = "More problems were found than are shown here. Deal with these first, then verify the log again."
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


class _Reader(Protocol):
    """Draws its own conclusions from the entries of the log, in their order."""

    def apply(self, row: Any) -> None:
        """Apply one entry."""


def check(connection: Connection, expected: str | None) -> AuditReport:
    """Return the result of a verification; see ``Audit.verify``."""
    mark_problem = _mark_problem(connection)
    try:
        head = head_of(connection)
    except CatalogueError as error:
        return AuditReport(0, GENESIS, (str(error),))
    access = access_of(connection)
    key = _fitting_key(connection, access.key, head)
    earlier = _Earlier(connection, key, head)
    walk, replay, caught = _Walk(expected, key, head.sealed_from or 0), Replay(), _Caught()
    deliveries, restores = LoggedDeliveries(), accepted_restores(connection)
    for row in _all(connection):
        if walk.step(row):
            walk.read(row, (replay, caught, deliveries))
    first = [
        *_seal_problems(key, access.problem, head),
        *filter(None, [table_problem(connection), mark_problem, earlier.problem]),
        *walk.compare(head.entries, head.digest),
        *_expected_problems(walk, restores),
    ]
    kinds = [
        first,
        walk.problems if earlier.is_accepted else [*walk.earlier_problems, *walk.problems],
        *map(_first, replay.problems(connection, head.since_event)),
        _first(deliveries.problems(connection)),
        _first(_contradictions(connection)),
        _first(_settings_problems(connection)),
        _first(_membership_problems(connection, key)),
        _first(_access_problems(connection, key)),
        _first(_unproven(connection, key)),
        _first(deliverable_problems(connection, key)),
    ]
    kinds.append(_account_problems(connection, key, [problem for kind in kinds for problem in kind]))
    problems = _shown(kinds)
    return AuditReport(
        walk.entries,
        walk.previous,
        problems,
        (*(restore.note for restore in restores), *earlier.notes(walk), *caught.notes),
        lacks_key=key is None and head.key_id is not None,
        lacks_expected=bool(restores) and list(problems) == list(_expected_problems(walk, restores)),
    )


def _mark_problem(connection: Connection) -> str:
    """Return that the log lacks the newest entry that this home knows, or that the home cannot say which one it is."""
    try:
        return lost_entry_problem(connection, known_entry(connection))
    except CatalogueError as error:
        return str(error)


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


class _Earlier:
    """How the entries from before the log was sealed compare with what was accepted then."""

    def __init__(self, connection: Connection, key: AuditKey | None, head: Any) -> None:
        self._sealed_from = head.sealed_from or 0
        self.problem, self.is_accepted = "", False
        if key is None or not is_head_genuine(head, key):
            return
        accepted = sealed_earlier(connection, key, self._sealed_from)
        self.is_accepted = accepted == EarlierEntries.of(connection, self._sealed_from)
        if accepted is None:
            self.problem = SEALED_BY_EARLIER_VERSION
        elif not self.is_accepted and self._sealed_from:
            self.problem = (
                f"Entries up to {self._sealed_from:,} were removed, added or changed outside Reelmill after the log "
                "was sealed with them."
            )

    def notes(self, walk: "_Walk") -> list[str]:
        """What was wrong with these entries when the log was sealed."""
        number = len(walk.earlier_problems)
        if not (self.is_accepted and number):
            return []
        more = f" and {number - 1:,} more" if number > 1 else ""
        return [f"The log was sealed although this was wrong: {walk.earlier_problems[0].rstrip('.')}{more}."]


class _Walk:
    """One pass over the log.

    Attributes:
        earlier_problems: problems of the entries up to the one at which the log was sealed.
    """

    def __init__(self, expected: str | None, key: AuditKey | None, sealed_from: int) -> None:
        self._expected = expected
        self._key = key
        self._sealed_from = sealed_from
        self.entries = 0
        self.previous = GENESIS
        self.earlier_problems: list[str] = []
        self.problems: list[str] = []

    def step(self, row: Any) -> bool:
        """Check one entry against the previous one; return whether it is genuine."""
        found = self.earlier_problems if row.audit_id <= self._sealed_from else self.problems
        named = f"Entry {row.audit_id} ({row.action}, {row.actor})"
        if row.audit_id < 1:
            found.append(f"{named} was written outside Reelmill: numbers begin with 1.")
            return False
        self.entries += 1
        if row.audit_id != self.entries:
            found.append(f"Entry {self.entries} is missing; it is followed by entry {row.audit_id}.")
            self.entries = row.audit_id
        if row.previous != self.previous:
            found.append(f"Entry {row.audit_id} does not follow the previous entry: one of the two was changed.")
        is_genuine = is_entry_genuine(row, self._key)
        if not is_genuine and not has_own_digest(row):
            found.append(f"{named} was changed after it was written.")
        elif not is_genuine:
            found.append(f"{named} was written outside Reelmill: its seal is wrong.")
        self.previous = row.digest
        if self._expected == row.digest:
            self._expected = None
        return is_genuine

    def read(self, row: Any, readers: Iterable[_Reader]) -> None:
        """Let the readers apply an entry. Without the key, it may be forged and say anything."""
        try:
            for reader in readers:
                reader.apply(row)
        except DAMAGED:
            self.problems.append(f"Entry {row.audit_id} ({row.action}, {row.actor}) cannot be read.")

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
    elif key and not is_head_genuine(head, key):
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
    query = select(audit).order_by(audit.c.audit_id).limit(_ROWS)
    rows = connection.execute(query).all()
    while rows:
        yield from rows
        rows = connection.execute(query.where(audit.c.audit_id > rows[-1].audit_id)).all()


def _first(problems: Iterator[str]) -> list[str]:
    return list(islice(problems, SHOWN_PROBLEMS + 1))


def _shown(kinds: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the first problems; of many, some of each kind, so that no kind hides another one."""
    all_of_them = tuple(dict.fromkeys(problem for kind in kinds for problem in kind))
    if len(all_of_them) <= SHOWN_PROBLEMS:
        return all_of_them
    in_turns = [problem for turn in zip_longest(*kinds) for problem in turn if problem]
    chosen = set(list(dict.fromkeys(in_turns))[:SHOWN_PROBLEMS])
    shown = tuple(problem for problem in all_of_them if problem in chosen)
    return (*shown, MORE)
