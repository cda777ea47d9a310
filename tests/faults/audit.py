"""Check the results of a campaign independently, with plain SQL and plain bytes.

Except for the C2PA verifier, the audit shares no code with the steps that it checks.
"""

import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
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
    """What the audit examines: rows and events of the catalogue, and objects of the bucket."""

    rows: Mapping[str, Any]
    events: Mapping[str, list[Any]]
    objects: Mapping[str, bytes]

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """The committed facts of clips in signing, published or withdrawn, by variant."""
        return {key: json.loads(row.signed) for key, row in self.rows.items() if row.state in NAMED and row.signed}


def collect(catalogue_url: str, objects: Mapping[str, bytes]) -> Evidence:
    """Read all rows and events once."""
    engine = create_engine(catalogue_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = {row.variant_id: row for row in connection.execute(text("SELECT * FROM variants"))}
        events = defaultdict(list)
        for row in connection.execute(text("SELECT * FROM events ORDER BY event_id")):
            events[row.variant_id].append(row)
    engine.dispose()
    return Evidence(rows, events, objects)


def audit(evidence: Evidence, expected: Mapping[str, str], anchors_pem: str) -> Findings:
    """Compare the evidence with the expected result.

    Args:
        expected: the state in which each variant must end.
        anchors_pem: root certificates under which every published clip must be trusted.
    """
    return Findings(
        missing=tuple(_missing(evidence, expected)),
        corrupt=tuple(_corrupt(evidence, anchors_pem)),
        orphaned=tuple(_orphaned(evidence, expected)),
        doubled=tuple(_doubled(evidence)),
        unfinished=tuple(_unfinished(evidence, expected)),
    )


def _keys(facts: Mapping[str, Any]) -> list[str]:
    return [facts["key"], facts["sidecar_key"], facts["poster_key"], facts["record_key"]]


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
    known = {key for facts in evidence.facts.values() for key in _keys(facts)}
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
