"""Check the results of a campaign independently, with plain SQL and plain bytes.

Except for the C2PA verifier, the audit shares no code with the steps that it checks.
"""

import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from adapters.c2pa.verifier import verify

NAMED = ("signing", "published", "withdrawn")


@dataclass(frozen=True, slots=True)
class Findings:
    """The problems found, by kind, as sentences."""

    missing: tuple[str, ...] = ()
    corrupt: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The number of problems of each kind, without the kinds that have none."""
        found = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        return {name: number for name, number in found.items() if number}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the audit examines: rows and events of the catalogue, and objects of the bucket.

    Attributes:
        deliverables, deliverable_events: the same of deliverables.
    """

    rows: Mapping[str, Any]
    events: Mapping[str, list[Any]]
    objects: Mapping[str, bytes]
    deliverables: Mapping[str, Any] = field(default_factory=dict)
    deliverable_events: Mapping[str, list[Any]] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """The committed facts of clips in signing, published or withdrawn, by variant."""
        return _facts(self.rows)

    @property
    def deliverable_facts(self) -> dict[str, dict[str, Any]]:
        """The same of deliverables."""
        return _facts(self.deliverables)


def collect(catalogue_url: str, objects: Mapping[str, bytes]) -> Evidence:
    """Read all rows and events once."""
    engine = create_engine(catalogue_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = {row.variant_id: row for row in connection.execute(text("SELECT * FROM variants"))}
        events = defaultdict(list)
        for row in connection.execute(text("SELECT * FROM events ORDER BY event_id")):
            events[row.variant_id].append(row)
        made = {row.deliverable_id: row for row in connection.execute(text("SELECT * FROM deliverables"))}
        changes = defaultdict(list)
        for row in connection.execute(text("SELECT * FROM deliverable_events ORDER BY event_id")):
            changes[row.deliverable_id].append(row)
    engine.dispose()
    return Evidence(rows, events, objects, made, changes)


def _facts(rows: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: json.loads(row.signed) for key, row in rows.items() if row.state in NAMED and row.signed}


def audit(
    evidence: Evidence,
    expected: Mapping[str, str],
    anchors_pem: str,
    deliverables: Mapping[tuple[str, str], str] | None = None,
) -> Findings:
    """Compare the evidence with the expected result.

    Args:
        expected: the state in which each variant must end.
        deliverables: the state in which each deliverable must end, by clip and call to action.
        anchors_pem: root certificates under which every published clip must be trusted.
    """
    wanted = deliverables or {}
    return Findings(
        missing=(*_missing(evidence, expected), *_missing_deliverables(evidence, wanted)),
        corrupt=(*_corrupt(evidence, anchors_pem), *_corrupt_deliverables(evidence, anchors_pem)),
        orphaned=(*_orphaned(evidence, expected), *_orphaned_deliverables(evidence, wanted)),
        doubled=(*_doubled(evidence), *_doubled_deliverables(evidence)),
        unfinished=(*_unfinished(evidence, expected), *_unfinished_deliverables(evidence, wanted)),
    )


def _keys(facts: Mapping[str, Any]) -> list[str]:
    return [
        facts["key"],
        facts["sidecar_key"],
        facts["poster_key"],
        facts["record_key"],
        *facts.get("caption_keys", ()),
    ]


def _missing(evidence: Evidence, expected: Mapping[str, str]) -> Iterator[str]:
    for variant_id, state in expected.items():
        if variant_id not in evidence.rows:
            yield f"{variant_id} is not in the catalogue"
        elif state == "published":
            facts = evidence.facts.get(variant_id)
            keys = _keys(facts) if facts else ["its keys"]
            yield from (f"{variant_id} lacks {key}" for key in keys if key not in evidence.objects)


def _corrupt(evidence: Evidence, anchors_pem: str) -> Iterator[str]:
    for variant_id, facts in evidence.facts.items():
        hashes = {**facts["digests"], facts["key"]: facts["sha256"]}
        for key in _keys(facts):
            content = evidence.objects.get(key)
            if content is not None and hashlib.sha256(content).hexdigest() != hashes[key]:
                yield f"{variant_id}: {key} has different content than committed"
        clip, record = evidence.objects.get(facts["key"]), evidence.objects.get(facts["record_key"])
        if clip and not _is_trusted(clip, anchors_pem):
            yield f"{variant_id}: its credential is not trusted"
        if record and json.loads(record)["clip"]["sha256"] != facts["sha256"]:
            yield f"{variant_id}: its record describes another clip"
    for variant_id, events in evidence.events.items():
        states = [None, *(event.to_state for event in events)]
        if [event.from_state for event in events] != states[:-1] or states[-1] != evidence.rows[variant_id].state:
            yield f"{variant_id}: its events do not lead to its state ({states})"


def _is_trusted(clip: bytes, anchors_pem: str) -> bool:
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(clip)
        file.flush()
        return verify(Path(file.name), anchors_pem).state == "trusted"


def _orphaned(evidence: Evidence, expected: Mapping[str, str]) -> Iterator[str]:
    known = {
        key for found in (evidence.facts, evidence.deliverable_facts) for each in found.values() for key in _keys(each)
    }
    yield from (
        f"{key} is in the bucket but not in the catalogue" for key in sorted(evidence.objects) if key not in known
    )
    yield from (f"{key} is in the catalogue but was not planned" for key in evidence.rows if key not in expected)


def _doubled(evidence: Evidence) -> Iterator[str]:
    for variant_id, events in evidence.events.items():
        counts = Counter(event.to_state for event in events)
        for state in ("planned", "passed", "approved", "published"):
            if counts[state] > 1 and not any("released" in event.detail for event in events if event.to_state == state):
                yield f"{variant_id} became {state} {counts[state]} times"
    clips = Counter(Path(key).name.partition("-")[0] for key in evidence.objects if key.endswith(".mp4"))
    yield from (f"{start}… has {number} clips in the bucket" for start, number in clips.items() if number > 1)


def _unfinished(evidence: Evidence, expected: Mapping[str, str]) -> Iterator[str]:
    for variant_id, state in expected.items():
        row = evidence.rows.get(variant_id)
        if row and row.state != state:
            yield f"{variant_id} is {row.state}but should be {state}"
        if row and row.lease_owner:
            yield f"{variant_id} is still leased by {row.lease_owner}"


def _cta_of(row: Any) -> tuple[str, str]:
    """Return what identifies a deliverable of the test campaign: its clip and its call to action."""
    return row.variant_id, dict(json.loads(row.body)["texts"])["cta"]


def _missing_deliverables(evidence: Evidence, expected: Mapping[tuple[str, str], str]) -> Iterator[str]:
    found = {_cta_of(row): row for row in evidence.deliverables.values()}
    for name, state in expected.items():
        if name not in found:
            yield f"deliverable {name} is not in the catalogue"
        elif state == "published":
            facts = evidence.deliverable_facts.get(found[name].deliverable_id)
            keys = _keys(facts) if facts else ["its keys"]
            yield from (f"deliverable {name} lacks {key}" for key in keys if key not in evidence.objects)


def _corrupt_deliverables(evidence: Evidence, anchors_pem: str) -> Iterator[str]:
    for name, facts in evidence.deliverable_facts.items():
        hashes = {**facts["digests"], facts["key"]: facts["sha256"]}
        for key in _keys(facts):
            content = evidence.objects.get(key)
            if content is not None and hashlib.sha256(content).hexdigest() != hashes[key]:
                yield f"deliverable {name}: {key} has different content than committed"
        clip = evidence.objects.get(facts["key"])
        if clip and not _is_trusted(clip, anchors_pem):
            yield f"deliverable {name}: its credential is not trusted"
    for name, events in evidence.deliverable_events.items():
        states = [None, *(event.to_state for event in events)]
        if [event.from_state for event in events] != states[:-1] or states[-1] != evidence.deliverables[name].state:
            yield f"deliverable {name}: its events do not lead to its state ({states})"


def _orphaned_deliverables(evidence: Evidence, expected: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for row in evidence.deliverables.values():
        if _cta_of(row) not in expected:
            yield f"deliverable {row.deliverable_id} is in the catalogue but was not planned"


def _doubled_deliverables(evidence: Evidence) -> Iterator[str]:
    for name, events in evidence.deliverable_events.items():
        counts = Counter(event.to_state for event in events)
        if counts["published"] > 1 or counts["failed"] > 1:
            yield f"deliverable {name} was published {counts['published']} and failed {counts['failed']} times"
    made = Counter(map(_cta_of, evidence.deliverables.values()))
    yield from (f"{number} deliverables of {key} are the same" for key, number in made.items() if number > 1)


def _unfinished_deliverables(evidence: Evidence, expected: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for row in evidence.deliverables.values():
        state = expected.get(_cta_of(row))
        if state and row.state != state:
            yield f"deliverable {row.deliverable_id} is {row.state} but should be {state} ({row.error})"
        if row.lease_owner:
            yield f"deliverable {row.deliverable_id} is still leased by {row.lease_owner}"
