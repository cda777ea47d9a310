"""Sign the finished file of a deliverable: its master becomes the parent of its Content Credential."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.c2pa.ingredients.master import read_master
from adapters.c2pa.signer import Signed, Signer
from adapters.catalogue import DeliverableLease
from adapters.media.xmp import COMPOSITE, GENERATED, Xmp, copy_with_xmp
from manifests.credentials.credential import PROGRAM
from manifests.credentials.finishing import Finishing, Master, deliverable_definition
from manifests.finish.deliverable import FinishedFile
from manifests.finish.texts.about import About, about
from tasks.deliver.provenance import program_version, uses_of
from tasks.finish.workspace import VIDEO
from tasks.runtime.resources import Resources, catalogue_of

ADDITIONS = frozenset({"c2pa.placed", "c2pa.addedText"})


def sign_deliverable(
    resources: Resources,
    signer: Signer,
    lease: DeliverableLease,
    source: Path,
    poster: Path,
    masters: Sequence[Path],
    folder: Path,
) -> Signed:
    """Add the metadata to a finished file and sign it: ``clip.mp4`` and ``clip.c2pa``.

    Args:
        source: folder of the finished file and its components.
        poster: its poster.
        masters: the published clips of its shots, in order.
        folder: where the signed files are written.

    Raises:
        UntrustedCredentialError: a master is not the signed clip of its variant, or the signed file is not trusted.
        InvalidDefinitionError: a fact about the finished file is malformed.
        CredentialError: a file cannot be read, or signing failed.
        EncodingError: the finished file is no MP4.
    """
    spec, file = lease.spec, lease.row.file
    assert file is not None
    anchors = signer.anchors_pem()
    read = tuple(read_master(path, shot, anchors) for path, shot in zip(masters, spec.shots, strict=True))
    finishing = Finishing(
        spec, file, read, source, _finished_at(lease), program_version(), uses_of(resources.training_mining)
    )
    definition = deliverable_definition(finishing)
    unsigned = folder / "unsigned.mp4"
    try:
        copy_with_xmp(source / VIDEO, unsigned, xmp_of(_about(resources, lease), file, read))
        return signer.sign(unsigned, poster, definition, folder / "clip.mp4", folder / "clip.c2pa")
    finally:
        unsigned.unlink(missing_ok=True)


def xmp_of(words: About, file: FinishedFile, masters: Sequence[Master]) -> Xmp:
    """Return the metadata of a deliverable."""
    has_more = bool(file.components) or any(edit.action in ADDITIONS for edit in file.edits)
    systems = dict.fromkeys(master.disclosure.model_name for master in masters)
    return Xmp(
        title=words.title,
        description=words.description,
        keywords=words.keywords,
        source_type=COMPOSITE if has_more else GENERATED,
        creator_tool=f"{PROGRAM} {program_version()}",
        ai_system=", ".join(systems),
    )


def _finished_at(lease: DeliverableLease) -> str:
    """Return when the edits were made; the row of a file that was finished by this lease does not have the time yet."""
    at = lease.row.made_at or time.time()
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _about(resources: Resources, lease: DeliverableLease) -> About:
    spec = lease.spec
    briefs = catalogue_of(resources).campaigns.briefs(spec.campaign_id, {spec.brief_id})
    return next((about(brief, spec.locale) for brief in briefs), About(spec.brief_id))
