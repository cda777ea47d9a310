"""Prove what was signed: keys, hashes and size are part of the sealed event of the signing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from adapters.catalogue.core.rows import SignedFacts, object_in
from manifests.states import State


def signing_detail(facts: SignedFacts) -> dict[str, Any]:
    """Return what the event of a signing says about the signed clip."""
    attestation = {"attestation": asdict(facts.attestation)} if facts.attestation else {}
    return {
        "sha256": facts.sha256,
        "keys": facts.keys,
        "size": facts.size,
        "digests": dict(facts.digests),
        **attestation,
    }


def signed_problem(history: Sequence[Any], facts: SignedFacts | None) -> str:
    """Return how the facts differ from those that were committed when the clip was signed; empty if they do not.

    Args:
        history: events whose seals were checked.
    """
    committed = last_signing(history)
    if facts is None or committed is None or committed["sha256"] != facts.sha256:
        return "its signed file is not the one that was signed"
    known = json.loads(json.dumps(signing_detail(facts)))
    if any(known.get(name) != value for name, value in committed.items()) or _adds(known, committed):
        return "its keys, hashes or size are not those that were signed"
    return ""


def last_signing(history: Sequence[Any]) -> Mapping[str, Any] | None:
    """Return the detail of the newest signing; a retry that resumes an upload is not one."""
    details = (object_in(row.detail) for row in reversed(history) if row.to_state == State.SIGNING)
    return next((detail for detail in details if "sha256" in detail), None)


def _adds(known: Mapping[str, Any], committed: Mapping[str, Any]) -> bool:
    """Return whether an attestation was added; events of older versions have neither size nor hashes."""
    return "attestation" in known and "attestation" not in committed
