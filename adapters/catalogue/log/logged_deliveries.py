"""Approvals by policy and publications in the audit log, to compare them with the tables."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.core.tables import deliverables, events, variants
from manifests.finish.deliverable import DeliverableState
from manifests.states import State

POLICY, BATCH_APPROVED = "policy", "clips approved"
"""Subject and action of the entry for a batch of approvals by policy."""
DELIVERABLE_PUBLISHED, DELIVERABLE_WITHDRAWN = "deliverable published", "deliverable withdrawn"
"""Actions of the entries about deliverables. Withdrawing a clip withdraws its deliverables without such an entry."""


def approvals(clips: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the detail of the entry for a batch; ``clips`` maps the variants to the hashes of their clips."""
    text = json.dumps(sorted(clips.items()))
    return {"clips": len(clips), "digest": hashlib.sha256(text.encode()).hexdigest()}


def publication(signed: str | None) -> dict[str, Any]:
    """Return the detail of the entry for a publication, from the stored text of the signed facts."""
    facts = object_in(signed)
    return {"sha256": facts.get("sha256"), "key": facts.get("key")}


class LoggedDeliveries:
    """What results from the entries of the log, in their order."""

    def __init__(self) -> None:
        self._batches: dict[int, dict[str, Any]] = {}
        self._published: dict[str, dict[str, Any]] = {}
        self._deliverables: dict[str, dict[str, Any]] = {}
        self._twice: list[str] = []

    def apply(self, row: Any) -> None:
        """Apply one entry."""
        if row.action == BATCH_APPROVED and row.subject == POLICY:
            self._batches[row.audit_id] = object_in(row.detail)
        elif row.action == State.PUBLISHED:
            if row.subject in self._published:
                self._twice.append(row.subject)
            self._published[row.subject] = object_in(row.detail)
        elif row.action == DELIVERABLE_PUBLISHED:
            if row.subject in self._deliverables:
                self._twice.append(row.subject)
            self._deliverables[row.subject] = object_in(row.detail)

    def problems(self, connection: Connection) -> Iterator[str]:
        """Yield how the tables differ from the log."""
        for variant_id in self._twice:
            yield f"The log says that {_named(variant_id, self._deliverables)} was published twice."
        yield from self._publications(connection)
        yield from self._published_deliverables(connection)
        yield from self._approvals(connection)

    def _publications(self, connection: Connection) -> Iterator[str]:
        query = select(variants.c.variant_id, variants.c.signed).where(
            variants.c.state.in_((State.PUBLISHED, State.WITHDRAWN))
        )
        found = {row.variant_id: publication(row.signed) for row in connection.execute(query)}
        for variant_id, logged in self._published.items():
            if variant_id not in found:
                yield f"The log says that variant {variant_id} was published as {logged['key']}, but now it is not."
            elif found[variant_id] != logged:
                yield f"The log says that variant {variant_id} was published as {logged['key']} with another content."

    def _published_deliverables(self, connection: Connection) -> Iterator[str]:
        query = select(deliverables.c.deliverable_id, deliverables.c.signed).where(
            deliverables.c.state.in_((DeliverableState.PUBLISHED, DeliverableState.WITHDRAWN))
        )
        found = {row.deliverable_id: publication(row.signed) for row in connection.execute(query)}
        for name, logged in self._deliverables.items():
            if found.get(name) != logged:
                how = "with another content" if name in found else "but now it is not"
                yield f"The log says that deliverable {name} was published as {logged['key']}, {how}."

    def _approvals(self, connection: Connection) -> Iterator[str]:
        query = select(events.c.variant_id, events.c.detail, events.c.clip_sha256).where(
            events.c.to_state == State.APPROVED, events.c.actor == SYSTEM
        )
        found: defaultdict[int, dict[str, str | None]] = defaultdict(dict)
        for row in connection.execute(query):
            found[object_in(row.detail).get("batch", 0)][row.variant_id] = row.clip_sha256
        found.pop(0, None)  # written by an earlier version
        for number in sorted(found.keys() | self._batches.keys()):
            if self._batches.get(number) != approvals(found[number]):
                yield (
                    f"The approvals by policy of entry {number} are not the ones in the log: events were removed, "
                    "added or changed outside Reelmill."
                )


def _named(subject: str, of_deliverables: Mapping[str, Any]) -> str:
    return f"{'deliverable' if subject in of_deliverables else 'variant'} {subject}"
