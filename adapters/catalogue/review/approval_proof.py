"""Prove that a clip was approved: by a sealed event and, if a person approved it, by the review and its log entry."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from adapters.catalogue.core.database import CataloguePart, Database, batches
from adapters.catalogue.core.rows import Lease, SignedFacts, object_in, signed_from
from adapters.catalogue.core.seals import (
    AuditKey,
    access_of,
    clip_sha256_of,
    event_fields,
    needs_seal,
)
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.core.tables import audit, events, reviews, variants
from adapters.catalogue.log.entries import head_of, is_head_genuine
from adapters.catalogue.log.genuine_entry import is_entry_genuine
from adapters.catalogue.log.known_entry import known_entry
from adapters.catalogue.log.log_end import LogEnd
from adapters.catalogue.review.signing_proof import signed_problem
from manifests.states import DECIDED, FINISHED, STATES, TRANSITIONS, State

PROVED = (State.APPROVED, State.SIGNING, State.PUBLISHED)
"""States that need a proven approval."""
_REVIEWED = frozenset({State.APPROVED, State.REJECTED, State.PASSED, State.FAILED, State.PLANNED})
"""Actions in the log that decide whether the newest approval is still valid."""
_AFTER_APPROVAL = frozenset({State.SIGNING, State.QUARANTINED, State.PUBLISHED})

_IDS: Any = bindparam("ids", expanding=True)
_HELD = select(variants.c.variant_id, variants.c.state, variants.c.lease_owner, variants.c.attempt).where(
    variants.c.variant_id.in_(_IDS)
)
_APPROVED = select(variants).where(
    variants.c.variant_id.in_(_IDS), variants.c.state.in_(bindparam("states", expanding=True))
)
_EVENTS = (
    select(
        events.c.variant_id,
        *(column for column in events.c if column.name not in ("variant_id", "at")),
    )
    .where(events.c.variant_id.in_(_IDS))
    .order_by(events.c.event_id)
)
_ENTRIES = (
    select(audit.c.subject, *(column for column in audit.c if column.name != "subject"))
    .where(audit.c.subject.in_(_IDS))
    .order_by(audit.c.audit_id)
)
_REVIEWS = (
    select(reviews.c.variant_id, reviews.c.author, reviews.c.outcome, reviews.c.undone_at, reviews.c.clip_sha256)
    .where(reviews.c.variant_id.in_(_IDS), reviews.c.blind == 0)
    .order_by(reviews.c.review_id)
)
"""Built once, because building a statement takes as long as executing it. The variant comes first."""


@dataclass(frozen=True, slots=True)
class ApprovedClip:
    """A clip that is said to be approved.

    Attributes:
        clip_sha256: hash of the clip as it would be signed.
        signed: what the catalogue says about the signed clip; None before it is signed.
    """

    variant_id: str
    state: str
    clip_sha256: str | None
    signed: SignedFacts | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the catalogue knows about the approvals of some clips, by variant.

    Attributes:
        neighbours: ``previous`` and ``digest`` of the entries next to the decisions; None if the whole chain has been
            checked already.
        since_event: approvals up to this event are older than the log.
    """

    key: AuditKey | None
    events: Mapping[str, Sequence[Any]]
    entries: Mapping[str, Sequence[Any]]
    reviews: Mapping[str, Sequence[Any]]
    neighbours: Mapping[int, tuple[str, str]] | None
    last_entry: int
    since_event: int


class ApprovalProofs(CataloguePart):
    """Check approvals before their clips are signed.

    What the log does not say counts only if the log is complete, so all of them check that as well.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._log_end = LogEnd()

    def read_log_again(self) -> None:
        """Read the whole log at the next check: an entry that was read before may have been changed since then."""
        self._log_end.read_all_again()

    def unproven(self, leases: Iterable[Lease]) -> dict[str, str]:
        """Return, by variant, why the approval of a leased clip is not proven; proven ones are left out.

        Clips whose lease has passed to another worker are left out too: nothing can be committed for them.

        Raises:
            CatalogueError: an approval would be proven, but the log is not complete.
        """
        by_id = {lease.variant_id: lease for lease in leases}
        if not by_id:
            return {}
        with self._db.reading_snapshot() as connection:
            known = known_entry(connection)
            held = {tuple(row) for row in connection.execute(_HELD, {"ids": list(by_id)})}
            evidence = evidence_of(connection, by_id, access_of(connection).key)
            found = _unproven(by_id, held, evidence)
            if len(found) < len(by_id):
                self._log_end.check(connection, known)
        return found

    def proven(self, variant_ids: Iterable[str]) -> set[str]:
        """Return the variants that are approved, being signed or published, with a proven approval.

        Raises:
            CatalogueError: an approval would be proven, but the log is not complete.
        """
        found: set[str] = set()
        for batch in batches(variant_ids):
            with self._db.reading_snapshot() as connection:
                known = known_entry(connection)
                rows = connection.execute(_APPROVED, {"ids": batch, "states": PROVED}).all()
                evidence = evidence_of(connection, [row.variant_id for row in rows], access_of(connection).key)
                mine = {row.variant_id for row in rows if not problem_of(clip_of(row), evidence)}
                if mine:
                    self._log_end.check(connection, known)
            found |= mine
        return found

    def unapprovable(self, variant_ids: Iterable[str]) -> dict[str, str]:
        """Return, by variant, why no policy may approve a passed clip; those that it may approve are left out.

        Raises:
            CatalogueError: a clip might be approved, but the log is not complete.
        """
        found: dict[str, str] = {}
        for batch in batches(variant_ids):
            with self._db.reading_snapshot() as connection:
                known = known_entry(connection)
                evidence = evidence_of(connection, batch, access_of(connection).key)
                problems = {key: _verdict_problem(key, evidence) for key in batch}
                if not all(problems.values()):
                    self._log_end.check(connection, known)
            found |= {key: problem for key, problem in problems.items() if problem}
        return found


def _unproven(by_id: Mapping[str, Lease], held: Collection[tuple[Any, ...]], evidence: Evidence) -> dict[str, str]:
    found = {}
    for key, lease in by_id.items():
        if (key, lease.row.state, lease.owner, lease.attempt) not in held:
            continue
        row = lease.row
        clip = ApprovedClip(
            key,
            row.state,
            row.clip.sha256 if row.clip else None,
            row.signed if row.state != State.APPROVED else None,
        )
        problem = problem_of(clip, evidence)
        if not problem and lease.variant.variant_id != key:
            problem = "its generation inputs were changed outside Reelmill"
        if problem:
            found[key] = problem
    return found


def evidence_of(
    connection: Connection, variant_ids: Collection[str], key: AuditKey | None, *, chain_is_checked: bool = False
) -> Evidence:
    """Read the evidence of some variants, at most 1,000.

    Args:
        key: the audit key; None if the seals cannot be checked.
        chain_is_checked: the caller has verified the whole log.
    """
    head = head_of(connection)
    is_trusted = key is None or is_head_genuine(head, key)
    history = _events_of(connection, variant_ids)
    by_people = [name for name, rows in history.items() if any(_is_by_person(row) for row in rows)]
    entries = _grouped(connection, _ENTRIES, variant_ids)
    return Evidence(
        key,
        history,
        entries,
        _grouped(connection, _REVIEWS, by_people),
        None if chain_is_checked else _neighbours(connection, entries),
        head.entries,
        head.since_event if is_trusted else 0,
    )


def problem_of(clip: ApprovedClip, evidence: Evidence) -> str:
    """Return why a clip's approval is not proven; empty if it is."""
    history = evidence.events.get(clip.variant_id, ())
    last = history[-1].to_state if history else "missing"
    if last != clip.state:
        return f"its state was set to {clip.state} outside Reelmill; its last event is {last}"
    place = max((index for index, row in enumerate(history) if row.to_state == State.APPROVED), default=None)
    if place is None or any(row.to_state not in _AFTER_APPROVAL for row in history[place + 1 :]):
        return "no event approves it"
    return (
        _chain_problem(history, place, evidence.key)
        or _clip_problem(clip, history, place, evidence.key)
        or _decision_problem(clip, history[place], evidence)
        or history_problem(history, evidence.key)
        or _log_problem(clip.variant_id, clip.state, evidence)
    )


def history_problem(history: Sequence[Any], key: AuditKey | None) -> str:
    """Return what is wrong with the events of a variant; empty if nothing is.

    A clip with a forged history is quarantined and may be generated again; only events after that are checked then.
    """
    start = max((index for index in range(len(history)) if _sets_aside(history, index, key)), default=-1)
    found = (event_problem(history, index, key) for index in range(start + 1, len(history)))
    return next(filter(None, found), "")


def _sets_aside(history: Sequence[Any], index: int, key: AuditKey | None) -> bool:
    """Return whether an event quarantines a finished clip, or has it generated again, with the right seal."""
    row = history[index]
    if row.to_state not in (State.QUARANTINED, State.PLANNED) or row.from_state not in FINISHED:
        return False
    return _has_seal(history, index, key)


def _has_seal(history: Sequence[Any], index: int, key: AuditKey | None) -> bool:
    row, after = history[index], history[index - 1].event_id if index else 0
    return key is None or key.matches(row.seal, *event_fields(row._mapping, after, row.clip_sha256))


def event_problem(history: Sequence[Any], index: int, key: AuditKey | None) -> str:
    """Return what is wrong with one event of a variant; empty if nothing is."""
    row, before = history[index], history[index - 1] if index else None
    if row.from_state != (before.to_state if before else None):
        return f"event {row.event_id} ({row.to_state} by {row.actor}) does not follow the event before it"
    if row.to_state not in (TRANSITIONS.get(row.from_state, ()) if before else (State.PLANNED,)):
        return f"event {row.event_id} ({row.to_state} by {row.actor}) cannot follow {row.from_state or 'nothing'}"
    if needs_seal(row.from_state, row.to_state) and not _has_seal(history, index, key):
        return f"event {row.event_id} ({row.to_state} by {row.actor}) was written or changed outside Reelmill"
    return ""


def _verdict_problem(variant_id: str, evidence: Evidence) -> str:
    history = evidence.events.get(variant_id, ())
    if not history or history[-1].to_state != State.PASSED:
        return "it was set to passed outside Reelmill, without a verdict"
    return (
        history_problem(history, evidence.key)
        or _log_problem(variant_id, State.PASSED, evidence)
        or _refusal_problem(variant_id, evidence)
    )


def _refusal_problem(variant_id: str, evidence: Evidence) -> str:
    """Return which person rejected or withdrew a clip that no person has approved since."""
    mine = [
        row
        for row in evidence.entries.get(variant_id, ())
        if row.action in DECIDED or (row.action in STATES and "undone" in object_in(row.detail))
    ]
    if mine and mine[-1].action != State.APPROVED and mine[-1].action in DECIDED:
        return f"the audit log says that {mine[-1].actor} has {mine[-1].action} it"
    return ""


def _log_problem(variant_id: str, state: str, evidence: Evidence) -> str:
    """Return how the log contradicts the state: a publication, or another newest decision by a person."""
    mine = evidence.entries.get(variant_id, ())
    if state != State.PUBLISHED and any(row.action == State.PUBLISHED for row in mine):
        return "the audit log says that it was published before"
    logged = [(row.action, row.actor) for row in mine if _is_decision(row.action, row.actor)]
    found = [
        (row.to_state, row.actor)
        for row in evidence.events.get(variant_id, ())
        if row.event_id > evidence.since_event and _is_decision(row.to_state, row.actor)
    ]
    if logged and logged[-1:] != found[-1:]:
        return f"the audit log says that {logged[-1][1]} set it to {logged[-1][0]} last, but its events do not"
    return f"the audit log does not say that {found[-1][1]} set it to {found[-1][0]}" if found and not logged else ""


def _is_decision(state: str, actor: str) -> bool:
    """Return whether an event or entry is of a person's action, which has both."""
    return actor != SYSTEM and state in STATES and (actor.startswith("person:") or state in DECIDED)


def _chain_problem(history: Sequence[Any], place: int, key: AuditKey | None) -> str:
    allowed = (State.PASSED,) if history[place].actor == SYSTEM else (State.PASSED, State.FAILED)
    if history[place].from_state not in allowed:
        return f"it was approved in the state {history[place].from_state}"
    found = (event_problem(history, index, key) for index in range(place, len(history)))
    return next(filter(None, found), "")


def _clip_problem(clip: ApprovedClip, history: Sequence[Any], place: int, key: AuditKey | None) -> str:
    approved = history[place].clip_sha256
    if approved != clip.clip_sha256 and (key or approved is not None):
        return "its clip is not the one that was approved"
    if clip.state != State.APPROVED:
        return signed_problem(history[place:], clip.signed)
    return ""


def _decision_problem(clip: ApprovedClip, approval: Any, evidence: Evidence) -> str:
    if approval.actor == SYSTEM:
        return _refusal_problem(clip.variant_id, evidence)
    return _person_problem(clip, approval, evidence)


def _person_problem(clip: ApprovedClip, approval: Any, evidence: Evidence) -> str:
    if approval.event_id <= evidence.since_event:
        return ""  # older than the log; the event's seal proves it
    mine = [row for row in evidence.entries.get(clip.variant_id, ()) if row.action in _REVIEWED]
    if not mine or (mine[-1].action, mine[-1].actor) != (State.APPROVED, approval.actor):
        return f"the audit log does not say that {approval.actor} approved it"
    if object_in(mine[-1].detail).get("clip_sha256", approval.clip_sha256) != approval.clip_sha256:
        return "the audit log names another clip"
    if not _is_intact(mine[-1], evidence):
        return f"entry {mine[-1].audit_id} of the audit log, which approves it, was changed outside Reelmill"
    own = evidence.reviews.get(clip.variant_id, ())
    if not own or (own[-1].author, own[-1].outcome, own[-1].undone_at) != (approval.actor, State.APPROVED, None):
        return f"there is no review in which {approval.actor} approved it"
    if own[-1].clip_sha256 not in (None, approval.clip_sha256):
        return "the review names another clip"
    return ""


def _is_intact(entry: Any, evidence: Evidence) -> bool:
    if not is_entry_genuine(entry, evidence.key):
        return False
    if evidence.neighbours is None:
        return True
    before, after = (evidence.neighbours.get(entry.audit_id + step) for step in (-1, 1))
    follows = entry.audit_id == 1 or (before is not None and before[1] == entry.previous)
    is_followed = entry.audit_id >= evidence.last_entry or (after is not None and after[0] == entry.digest)
    return bool(follows and is_followed)


def _is_by_person(row: Any) -> bool:
    return bool(row.to_state == State.APPROVED and row.actor != SYSTEM)


def _events_of(connection: Connection, variant_ids: Collection[str]) -> defaultdict[str, list[Any]]:
    return _grouped(connection, _EVENTS, variant_ids)


def _grouped(connection: Connection, query: Any, variant_ids: Collection[str]) -> defaultdict[str, list[Any]]:
    """Return the rows of a query by its first column, the variant."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    if variant_ids:
        for row in connection.execute(query, {"ids": list(variant_ids)}):
            found[row[0]].append(row)
    return found


def _neighbours(connection: Connection, entries: Mapping[str, Sequence[Any]]) -> dict[int, tuple[str, str]]:
    decided = {row.audit_id for rows in entries.values() for row in rows if row.action == State.APPROVED}
    wanted = sorted({number + step for number in decided for step in (-1, 1)})
    found: dict[int, tuple[str, str]] = {}
    for batch in batches(wanted):
        query = select(audit.c.audit_id, audit.c.previous, audit.c.digest).where(audit.c.audit_id.in_(batch))
        found.update((row.audit_id, (row.previous, row.digest)) for row in connection.execute(query))
    return found


def clip_of(row: Any) -> ApprovedClip:
    """Return the clip of a row of ``tables.variants``."""
    return ApprovedClip(row.variant_id, row.state, clip_sha256_of(row.clip), signed_from(row.signed))
