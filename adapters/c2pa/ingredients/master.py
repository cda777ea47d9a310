"""Read what the credential of a master states, before a deliverable is made from it."""

import hashlib
from pathlib import Path
from typing import Any

from c2pa import C2paError
from pydantic import BaseModel, ValidationError

from adapters.c2pa.manifest_store import StoreReading, read_store, trust_context
from manifests.credentials.credential_report import finding_of
from manifests.credentials.definition import OWN_LABEL, Disclosure, Generation, IptcMetadata
from manifests.credentials.finishing import Master
from manifests.errors import CredentialError, UntrustedCredentialError
from manifests.finish.spec import Shot


def read_master(path: Path, shot: Shot, anchors_pem: str) -> Master:
    """Return a master with the facts of its own credential.

    Only a file whose credential is Trusted, and states that it is this variant, may be the parent of a deliverable.

    Args:
        path: the published file, or a copy.
        shot: which variant it must be, and the hash of its file.
        anchors_pem: trusted roots.

    Raises:
        UntrustedCredentialError: it is another file, or its credential is missing, not Trusted or of another clip.
        CredentialError: the file cannot be read.
    """
    reading = _reading(path, shot, anchors_pem)
    if reason := _distrust(reading):
        raise UntrustedCredentialError(
            f"The master of variant {shot.variant_id} cannot be finished: {reason}. If another certificate signed it, "
            "add the root of that certificate to REELMILL_SIGNER_ANCHORS."
        )
    facts = _facts(reading, shot)
    if facts.generation.variant_id != shot.variant_id or facts.generation.deliverable_id:
        raise UntrustedCredentialError(
            f"The file {path.name} cannot be the master of variant {shot.variant_id}: according to its credential, it "
            f"is {_name(facts.generation)}. Withdraw the clip, and generate it again."
        )
    return Master(path, reading.manifest.get("title") or "untitled", facts.generation, facts.disclosure, facts.metadata)


class _Facts(BaseModel):
    generation: Generation
    disclosure: Disclosure
    metadata: IptcMetadata


def _reading(path: Path, shot: Shot, anchors_pem: str) -> StoreReading:
    try:
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != shot.sha256:
                raise UntrustedCredentialError(
                    f"The master of variant {shot.variant_id} cannot be finished: {path.name} is not the published "
                    "file. Delete it, and run the command again to download it."
                )
            file.seek(0)
            reading = read_store(file, trust_context(anchors_pem))
    except OSError as error:
        raise CredentialError(f"Cannot read the master {path}: {error.strerror or error}.") from error
    except C2paError as error:
        raise UntrustedCredentialError(
            f"The master of variant {shot.variant_id} cannot be finished: its credential is damaged ({error})."
        ) from error
    if reading is None:
        raise UntrustedCredentialError(
            f"The master of variant {shot.variant_id} cannot be finished: it has no Content Credential. "
            "Only clips that Reelmill has signed can be finished."
        )
    return reading


def _distrust(reading: StoreReading) -> str:
    """Return why the credential is not trusted; empty if it is."""
    failures = reading.codes("failure") if reading.state != "Trusted" else []
    failures = [*failures, *(failure for _, failure in reading.tampered_ingredients())]
    sentences = dict.fromkeys(finding_of(failure).sentence for failure in failures)
    return "; ".join(sentences) or ("" if reading.state == "Trusted" else "the signer is not trusted")


def _facts(reading: StoreReading, shot: Shot) -> _Facts:
    stated: dict[str, Any] = {
        "generation": reading.assertion(OWN_LABEL),
        "disclosure": reading.assertion("c2pa.ai-disclosure"),
        "metadata": reading.assertion("cawg.metadata"),
    }
    try:
        return _Facts.model_validate(stated)
    except ValidationError as error:
        raise UntrustedCredentialError(
            f"The master of variant {shot.variant_id} cannot be finished: its credential does not contain the facts "
            "that Reelmill writes. Only clips that Reelmill has signed can be finished."
        ) from error


def _name(generation: Generation) -> str:
    deliverable = f"the deliverable {generation.deliverable_id} of " if generation.deliverable_id else ""
    return f"{deliverable}variant {generation.variant_id}"
