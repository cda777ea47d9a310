"""Collect what the Content Credential and the record of a clip say about the provider's file."""

from pathlib import Path

from adapters.c2pa.verifier import credential_state
from adapters.media.mp4_boxes import read_boxes
from manifests.clip import Clip
from manifests.credentials.credential import ProviderFile
from manifests.credentials.definition import OriginalFile
from manifests.errors import CredentialError
from models.card import GeneratorCard
from models.hosted_card import HostedCard
from tasks.runtime.files.shared_staging import fetch_original
from tasks.runtime.resources import Resources

MATROSKA = b"\x1aE\xdf\xa3"
"""First bytes of WebM and Matroska files."""


def provider_file_of(resources: Resources, card: GeneratorCard, clip: Clip) -> ProviderFile | None:
    """Return the facts about the file of a hosted model; None for a local model.

    The credential of the file is read again: the certificate of its signer may have expired since it was fetched.

    Args:
        clip: the clip with the paths of its files on this machine.

    Raises:
        CredentialError: the file from which the clip was transcoded is missing.
        BucketError: the bucket does not respond.
    """
    if not isinstance(card, HostedCard):
        return None
    original = _original(resources, clip)
    return ProviderFile(
        provider=clip.provider or card.provider,
        model=card.model,
        takes_seed=card.takes_seed,
        parent_credential=credential_state(original.path if original else clip.path),
        original=original,
        revised_prompt_sha256=clip.revised_prompt_sha256,
    )


def _original(resources: Resources, clip: Clip) -> OriginalFile | None:
    if not clip.original_sha256:
        return None
    path = fetch_original(resources, clip)
    if path is None:
        raise CredentialError(
            f"The provider's file of variant {clip.variant_id} is missing or damaged, so that the clip cannot name it. "
            "Retry the variant to generate it again."
        )
    return OriginalFile(path=path, format=_media_type(path), sha256=clip.original_sha256)


def _media_type(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    brand = read_boxes(path).brand
    if brand:
        return "video/quicktime" if brand == "qt  " else "video/mp4"
    return "video/webm" if start == MATROSKA else "application/octet-stream"
