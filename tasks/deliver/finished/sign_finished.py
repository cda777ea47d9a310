"""Sign a finished file, and commit its keys and hashes before anything is uploaded."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from adapters.c2pa.signer import Signed, Signer
from adapters.catalogue import DeliverableLease, SignedFacts
from adapters.files.durable import write_durably
from adapters.media.video import write_poster
from adapters.media.video_frames import frames_at
from manifests.identity import canonical_json
from tasks.deliver.finished.deliverable_record import deliverable_record
from tasks.deliver.keys import caption_key, keys_of
from tasks.deliver.poster import is_poster
from tasks.finish.files.folders import finished_folder, staging_of
from tasks.finish.files.masters import fetch_masters
from tasks.finish.workspace import VIDEO
from tasks.runtime.files.staging import POSTER, disk_full_errors, sha256_of
from tasks.runtime.resources import Resources, catalogue_of

Sign = Callable[[Resources, Signer, DeliverableLease, Path, Path, Sequence[Path], Path], Signed]
"""Signs a finished file: resources, signer, lease, folder of the finished file, poster, masters, folder of the signed
files, in which it writes ``clip.mp4`` and ``clip.c2pa``."""


def sign_finished(resources: Resources, signer: Signer, lease: DeliverableLease, sign: Sign) -> SignedFacts:
    """Sign a deliverable whose finished file is on this machine, and commit keys and hashes.

    Raises:
        CredentialError: signing failed, or the signature does not verify as trusted; nothing is committed.
        LostLeaseError: another worker has leased the deliverable, or it was withdrawn.
    """
    file = lease.row.file
    assert file is not None
    source = finished_folder(resources, lease.deliverable_id, file.sha256)
    folder = staging_of(resources).signing_folder(lease.deliverable_id, lease.attempt)
    poster = folder / POSTER
    if is_poster(source / POSTER, file.height, file.width):
        shutil.copyfile(source / POSTER, poster)
    else:
        [middle] = frames_at(source / VIDEO, [file.num_frames // 2])
        write_poster(middle, poster)
    masters = fetch_masters(resources, lease.spec)
    signed = sign(resources, signer, lease, source, poster, masters, folder)
    facts = _facts(lease, signed, source, folder)
    catalogue_of(resources).deliverables.mark_signing(lease, facts)
    return facts


def _facts(lease: DeliverableLease, signed: Signed, source: Path, folder: Path) -> SignedFacts:
    spec, file = lease.spec, lease.row.file
    assert file is not None
    keys = keys_of(spec.campaign_id, spec.brief_id, lease.deliverable_id, signed.sha256)
    captions = {caption_key(keys.clip, ending): sha256 for ending, sha256 in sorted(file.sidecars.items())}
    record = canonical_json(deliverable_record(lease, signed, keys.clip, tuple(captions)))
    with disk_full_errors(folder):
        for ending in file.sidecars:
            shutil.copyfile(source / f"captions.{ending}", folder / f"captions.{ending}")
        write_durably(folder / "record.json", record)
    digests = {
        keys.sidecar: signed.sidecar_sha256,
        keys.poster: sha256_of(folder / POSTER),
        keys.record: hashlib.sha256(record).hexdigest(),
        **captions,
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
        caption_keys=tuple(captions),
    )
