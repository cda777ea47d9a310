"""Sign an approved clip, and commit its keys and hashes before anything is uploaded."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from adapters.c2pa.signer import Signed, Signer
from adapters.catalogue import Lease, SignedFacts
from adapters.files.durable import write_durably
from manifests.clip import Clip
from manifests.clip_metadata import Metadata
from manifests.credentials.attestation import Attestation
from manifests.credentials.credential import generation_definition
from manifests.errors import InvalidDefinitionError, LicenceNotAttestedError
from manifests.identity import canonical_json
from tasks.alerts import alerts
from tasks.deliver.keys import keys_of
from tasks.deliver.poster import restore_poster
from tasks.deliver.provenance import provenance_of
from tasks.plan.fallback import replaced_model
from tasks.plan.licence import clearance_of, licence_record
from tasks.runtime.files.shared_staging import fetch_staged
from tasks.runtime.files.staging import Staging, disk_full_errors, sha256_of
from tasks.runtime.resources import Resources, card_of, catalogue_of, first_frames_of

RECORD_SCHEMA = 1


class ClipOrigin(NamedTuple):
    """Where a clip comes from: a campaign, its briefs, their placements and what their rows say in other columns."""

    campaign_id: str
    brief_ids: tuple[str, ...]
    placements: tuple[str, ...]
    metadata: Metadata


def sign_clip(resources: Resources, signer: Signer, lease: Lease, origin: ClipOrigin) -> SignedFacts | None:
    """Sign the staged master of an approved variant and commit keys and hashes.

    Returns:
        The committed facts; None if the staged master was missing or damaged. The variant is then planned again.

    Raises:
        LicenceNotAttestedError: the clip may not be published yet; nothing is committed.
        CredentialError: signing failed, or the signature does not verify as trusted; nothing is committed.
        LostLeaseError: another worker has leased the variant.
    """
    clip = fetch_staged(resources, lease.row.clip) if lease.row.clip else None
    if clip is None:
        catalogue_of(resources).results.requeue(lease, "its staged master is missing or damaged")
        alerts.staging_lost(catalogue_of(resources), origin.campaign_id, lease.variant_id)
        return None
    restore_poster(clip)
    lease = replace(lease, row=replace(lease.row, parent_id=catalogue_of(resources).variants.parent_of(lease.row)))
    card = card_of(resources, lease.variant.card)
    clearance = clearance_of(resources, card)
    if not clearance.is_given:
        raise LicenceNotAttestedError(clearance.waiting(1))
    folder = Staging(resources.staging).signing_folder(lease.variant_id, lease.attempt)
    provenance = provenance_of(
        catalogue_of(resources),
        lease.row,
        card,
        origin.campaign_id,
        prompt_key=resources.prompt_key,
        training_mining=resources.training_mining,
        disclose_prompt=resources.disclose_prompt,
        licence_terms=clearance.attestation.terms if clearance.attestation else None,
        first_frames=first_frames_of(resources),
    )
    signed = signer.sign(
        clip.path, clip.poster, generation_definition(provenance), folder / "clip.mp4", folder / "clip.c2pa"
    )
    replaced = replaced_model(catalogue_of(resources), lease.row)
    licence = licence_record(card, clearance)
    facts = _facts(lease, clip, origin, signed, folder, licence, clearance.attestation, replaced)
    catalogue_of(resources).results.mark_signing(lease, facts)
    return facts


def _facts(
    lease: Lease,
    clip: Clip,
    origin: ClipOrigin,
    signed: Signed,
    folder: Path,
    licence: dict[str, Any],
    attestation: Attestation | None,
    replaced: dict[str, str] | None,
) -> SignedFacts:
    keys = keys_of(origin.campaign_id, origin.brief_ids[0], lease.variant_id, signed.sha256)
    record = _record_json(record_of(lease, origin, signed, keys.clip, licence, replaced), lease.variant_id)
    with disk_full_errors(folder):
        write_durably(folder / "record.json", record)
    digests = {
        keys.sidecar: signed.sidecar_sha256,
        keys.poster: sha256_of(clip.poster),
        keys.record: hashlib.sha256(record).hexdigest(),
    }
    return SignedFacts(
        key=keys.clip,
        sha256=signed.sha256,
        size=signed.size,
        sidecar_key=keys.sidecar,
        poster_key=keys.poster,
        record_key=keys.record,
        digests=digests,
        path=signed.path,
        attestation=attestation,
    )


def _record_json(record: dict[str, Any], variant_id: str) -> bytes:
    try:
        return canonical_json(record)
    except ValueError as error:
        raise InvalidDefinitionError(
            f"Clip {variant_id} cannot be published: its row in the catalogue contains a number that is not finite. "
            "Reject the clip, or retry it to generate it again."
        ) from error


def record_of(
    lease: Lease,
    origin: ClipOrigin,
    signed: Signed,
    key: str,
    licence: dict[str, Any],
    replaced: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the JSON record that is published alongside a clip; ``replaced`` as ``replaced_model`` returns it."""
    row = lease.row
    clip, score = row.clip, row.score
    assert clip is not None
    return {
        "schema": RECORD_SCHEMA,
        "variant_id": row.variant_id,
        "parent_id": row.parent_id,
        "campaign_id": origin.campaign_id,
        "brief_ids": list(origin.brief_ids),
        "placements": list(origin.placements),
        "metadata": {column: list(values) for column, values in origin.metadata.items()},
        "generation": row.variant._asdict(),
        "clip": {
            "key": key,
            "sha256": signed.sha256,
            "size": signed.size,
            "height": clip.height,
            "width": clip.width,
            "num_frames": clip.num_frames,
            "fps": clip.fps,
            "duration_s": clip.duration_s,
        },
        "score": asdict(score) if score else None,
        "licence": licence,
        **({"fallback_for": replaced} if replaced else {}),
        "overridden_reasons": [reason._asdict() for reason in row.reasons],
        "credential": {
            "sha256": signed.credential_sha256,
            "manifest_label": signed.manifest_label,
            "signed_at": signed.signed_at,
        },
    }
