"""Prove that a deliverable may be signed or removed: its description, its events, and the approvals of its clips."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from adapters.catalogue.core.database import BATCH, CataloguePart, Database, batches
from adapters.catalogue.core.deliverable_changes import deliverable_history_problem
from adapters.catalogue.core.deliverable_rows import DeliverableLease, DeliverableRow, deliverable_row
from adapters.catalogue.core.rows import object_in, signed_from
from adapters.catalogue.core.seals import AuditKey, access_of, key_for_writing
from adapters.catalogue.core.tables import deliverable_events, deliverables, variants
from adapters.catalogue.review.approval_proof import ApprovalProofs
from adapters.catalogue.review.signing_proof import last_signing, signing_detail
from manifests.errors import CatalogueError
from manifests.finish.deliverable import DeliverableState
from manifests.finish.spec import Shot
from manifests.states import State

_row, _event = deliverables.c, deliverable_events.c
_BY_ID = select(deliverable_events).order_by(_event.event_id)
SIGNED_STATES = (DeliverableState.SIGNING, DeliverableState.PUBLISHED)


class DeliverableProofs(CataloguePart):
    """Check deliverables before they are signed, and before their objects are deleted.

    Args:
        approvals: proves that the clips of a deliverable were approved.
    """

    def __init__(self, database: Database, approvals: ApprovalProofs) -> None:
        super().__init__(database)
        self._approvals = approvals

    def unproven(self, leases: Iterable[DeliverableLease]) -> dict[str, str]:
        """Return, by id, why a leased deliverable must not be signed, as a clause; those that may be are left out.

        Its description must have the hash that is its id, its events their seals, its file the hash that was recorded
        when it was finished, and all its clips must be published with a proven approval. Deliverables whose lease has
        passed to another worker, or that were withdrawn, are left out too: nothing can be committed for them.

        Raises:
            CatalogueError: the audit log is not complete, so no approval is proven.
        """
        wanted = {lease.deliverable_id: lease for lease in leases}
        with self._db.reading_snapshot() as connection:
            held = _held(connection, wanted)
            found = _problems(connection, held, access_of(connection).key)
            rest = [row for key, row in held.items() if key not in found]
            shots = {shot for row in rest for shot in row.spec.shots}
            published = _published(connection, {shot.variant_id for shot in shots})
        proven = self._approvals.proven({shot.variant_id for shot in shots})
        for row in rest:
            if problem := _shot_problem(row.spec.shots, published, proven):
                found[row.deliverable_id] = problem
        return found

    def removal_problem(self, deliverable_id: str) -> str:
        """Return why the objects of a withdrawn deliverable must not be deleted, as a clause; empty if they may be."""
        with self._db.reading_snapshot() as connection:
            row = connection.execute(select(deliverables).where(_row.deliverable_id == deliverable_id)).first()
            history = _histories(connection, [deliverable_id])[deliverable_id]
            try:
                key = key_for_writing(connection)
            except CatalogueError as error:
                return f"the withdrawal cannot be checked. {error}"
        if row is None or not history or history[-1].to_state != DeliverableState.WITHDRAWN:
            return "no event withdraws it"
        return deliverable_history_problem(history, key) or _signed_problem(deliverable_row(row), history)


def deliverable_problems(connection: Connection, key: AuditKey | None) -> Iterator[str]:
    """Yield what was changed outside Reelmill in the tables of deliverables, as sentences."""
    last = ""
    query = select(deliverables).order_by(_row.deliverable_id).limit(BATCH)
    while rows := [deliverable_row(row) for row in connection.execute(query.where(_row.deliverable_id > last))]:
        histories = _histories(connection, [row.deliverable_id for row in rows])
        for row in rows:
            history = histories[row.deliverable_id]
            if problem := _own_problem(row, history, key) or _url_problem(row, history):
                yield f"Deliverable {row.deliverable_id} ({row.state}): {problem}."
        last = rows[-1].deliverable_id


def _held(connection: Connection, wanted: Mapping[str, DeliverableLease]) -> dict[str, DeliverableRow]:
    """Return the deliverables whose lease is still valid, as they are now."""
    found: dict[str, DeliverableRow] = {}
    for batch in batches(wanted):
        for row in connection.execute(select(deliverables).where(_row.deliverable_id.in_(batch))):
            lease = wanted[row.deliverable_id]
            if (row.lease_owner, row.attempt) == (lease.owner, lease.attempt):
                found[row.deliverable_id] = deliverable_row(row)
    return found


def _problems(connection: Connection, rows: Mapping[str, DeliverableRow], key: AuditKey | None) -> dict[str, str]:
    histories = _histories(connection, rows)
    problems = {name: _own_problem(row, histories[name], key) for name, row in rows.items()}
    return {name: problem for name, problem in problems.items() if problem}


def _own_problem(row: DeliverableRow, history: Sequence[Any], key: AuditKey | None) -> str:
    """Return what is wrong with a deliverable, apart from its clips; empty if nothing is."""
    last = history[-1].to_state if history else "missing"
    if last != row.state:
        return f"its state was set to {row.state} outside Reelmill; its last event is {last}"
    return (
        row.damage
        or deliverable_history_problem(history, key)
        or _file_problem(row, history)
        or (_signed_problem(row, history) if row.state in SIGNED_STATES else "")
    )


def _file_problem(row: DeliverableRow, history: Sequence[Any]) -> str:
    """Return that the facts about the finished file are not those of the event; empty if they are."""
    if row.file is None:
        missing = row.state in (DeliverableState.FINISHED, *SIGNED_STATES)
        return "the facts about its finished file were deleted outside Reelmill" if missing else ""
    details = [object_in(event.detail) for event in history if event.to_state == DeliverableState.FINISHED]
    known = {"sha256": row.file.sha256, "digest": row.file.digest}
    return "" if details and details[-1] == known else "the facts about its finished file were changed outside Reelmill"


def _signed_problem(row: DeliverableRow, history: Sequence[Any]) -> str:
    """Return how keys and hashes differ from those that were committed; empty if they do not, or there are none."""
    committed = last_signing(history)
    if row.signed is None and committed is None:
        return ""
    if row.signed is None or committed is None:
        return "its keys and hashes are not those that were signed"
    known = json.loads(json.dumps(signing_detail(row.signed)))
    return "" if known == dict(committed) else "its keys and hashes are not those that were signed"


def _url_problem(row: DeliverableRow, history: Sequence[Any]) -> str:
    is_changed = row.state == DeliverableState.PUBLISHED and object_in(history[-1].detail).get("url") != row.url
    return "its URL was changed outside Reelmill" if is_changed else ""


def _shot_problem(shots: Sequence[Shot], published: Mapping[str, str], proven: Collection[str]) -> str:
    for shot in shots:
        if shot.variant_id not in published:
            return f"its clip {shot.variant_id[:12]} is not published"
        if shot.variant_id not in proven:
            return f"the approval of its clip {shot.variant_id[:12]} is not proven"
        if published[shot.variant_id] != shot.sha256:
            return f"its clip {shot.variant_id[:12]} is published with another content"
    return ""


def _published(connection: Connection, variant_ids: Collection[str]) -> dict[str, str]:
    """Return the hash of the published file of each variant that is published."""
    found: dict[str, str] = {}
    for batch in batches(sorted(variant_ids)):
        query = select(variants.c.variant_id, variants.c.signed).where(
            variants.c.variant_id.in_(batch), variants.c.state == State.PUBLISHED
        )
        for row in connection.execute(query):
            if facts := signed_from(row.signed):
                found[row.variant_id] = facts.sha256
    return found


def _histories(connection: Connection, ids: Iterable[str]) -> defaultdict[str, list[Any]]:
    """Return the events by deliverable, oldest first."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for batch in batches(ids):
        for row in connection.execute(_BY_ID.where(_event.deliverable_id.in_(batch))):
            found[row.deliverable_id].append(row)
    return found
