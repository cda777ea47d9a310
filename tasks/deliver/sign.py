"""Sign an approved clip, and commit its keys and hashes before anything is uploaded."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from adapters.c2pa.signer import Signed, Signer
from adapters.catalogue import Lease, SignedFacts
from adapters.files.durable import write_durably
from adapters.media.xmp import Xmp, copy_with_xmp
from manifests.clip import Clip
from manifests.clip_metadata import Metadata
from manifests.credentials.attestation import Attestation
from manifests.credentials.credential import PROGRAM, ProviderFile, generation_definition
from manifests.credentials.definition import IPTC, ManifestDefinition
from manifests.errors import InvalidDefinitionError, LicenceNotAttestedError
from manifests.finish.texts.about import about_clip
from manifests.identity import canonical_json
from tasks.alerts import alerts
from tasks.deliver.keys import keys_of
from tasks.deliver.poster import restore_poster
from tasks.deliver.provenance import provenance_of
from tasks.deliver.provider_file import provider_file_of
from tasks.plan.fallback import Replaced, replaced_model
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


class RecordSources(NamedTuple):
    """What a clip's record says besides its row.

    Attributes:
        licence: as ``licence_record`` returns it.
        provider_file: None for clips of local models.
        replaced: as ``replaced_model`` returns it.
    """

    licence: dict[str, Any]
    provider_file: ProviderFile | None = None
    replaced: Replaced | None = None


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
    provider_file = provider_file_of(resources, card, clip)
    if provider_file:
        clip = replace(clip, parent_credential=provider_file.parent_credential)
        lease = replace(lease, row=replace(lease.row, clip=clip))
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
        provider_file=provider_file,
    )
    definition = generation_definition(provenance)
    with _described(clip, origin, definition, folder) as source:
        signed = signer.sign(source, clip.poster, definition, folder / "clip.mp4", folder / "clip.c2pa")
    sources = RecordSources(
        licence_record(card, clearance), provider_file, replaced_model(catalogue_of(resources), lease.row)
    )
    facts = _facts(lease, clip, origin, signed, folder, sources, clearance.attestation)
    catalogue_of(resources).results.mark_signing(lease, facts)
    return facts


@contextmanager
def _described(clip: Clip, origin: ClipOrigin, definition: ManifestDefinition, folder: Path) -> Iterator[Path]:
    """Yield the file to sign: with the title, description and keywords of its rows as XMP, if they have any.

    A provider's file is published as it is.
    """
    words, facts = about_clip(origin.metadata), definition.generation
    if words is None or facts is None or facts.provider:
        yield clip.path
        return
    path, made = folder / "unsigned.mp4", definition.actions[0]
    try:
        xmp = Xmp(
            *words,
            source_type=(made.digital_source_type or "").removeprefix(IPTC),
            creator_tool=f"{PROGRAM} {definition.claim_generator_info[0].version}",
            ai_system=definition.model_name,
        )
        copy_with_xmp(clip.path, path, xmp)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _facts(
    lease: Lease,
    clip: Clip,
    origin: ClipOrigin,
    signed: Signed,
    folder: Path,
    sources: RecordSources,
    attestation: Attestation | None,
) -> SignedFacts:
    keys = keys_of(origin.campaign_id, origin.brief_ids[0], lease.variant_id, signed.sha256)
    record = _record_json(record_of(lease, origin, signed, keys.clip, sources), lease.variant_id)
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
    sources: RecordSources,
) -> dict[str, Any]:
    """Return the JSON record that is published alongside a clip."""
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
            **(_file_facts(clip) if sources.provider_file else {}),
        },
        "provider": _provider_facts(clip, sources.provider_file) if sources.provider_file else None,
        "score": asdict(score) if score else None,
        "licence": sources.licence,
        **({"fallback_for": sources.replaced._asdict()} if sources.replaced else {}),
        "overridden_reasons": [reason._asdict() for reason in row.reasons],
        "credential": {
            "sha256": signed.credential_sha256,
            "manifest_label": signed.manifest_label,
            "signed_at": signed.signed_at,
        },
    }


def _file_facts(clip: Clip) -> dict[str, Any]:
    """Return the facts about a provider's file. Not every browser plays HEVC, so the codec is named."""
    return {"frame_rate": clip.frame_rate, "codec": clip.codec, "has_audio": clip.has_audio}


def _provider_facts(clip: Clip, file: ProviderFile) -> dict[str, Any]:
    """Return who generated the clip, what it cost and what was in the file."""
    return {
        "name": file.provider,
        "model": file.model,
        "job_id": clip.job_id or None,
        "cost_micros": clip.cost_micros,
        "currency": clip.currency or None,
        "cost_is_estimate": clip.cost_is_estimate,
        "transcoded": clip.transcoded,
        "original_sha256": clip.original_sha256 or None,
        "parent_credential": clip.parent_credential or None,
        "revised_prompt_sha256": clip.revised_prompt_sha256 or None,
    }
