"""Compare files with the hashes in a card or with those of the hub, so that a revision names one content only."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from models.card import LocalCard, ModelCard, PipelineCard
from models.card_parts import Weights
from models.weights.file_digest import git_sha1_of, is_known, sha256_of, sha256_of_all
from models.weights.folder_tree import FolderFile, files_of
from models.weights.location import blobs_of, lora_path, part_path, weights_path
from models.weights.refusal import RefusedFileError, shown

SUMS = "SHA256SUMS"
REVISION_DIGITS = 12
SHA256_DIGITS = 64
QUICK_BYTES = 64_000_000
"""Files up to this size are hashed even by a quick check: in about 0.1 s."""
BUNDLED = Path(__file__).parent.parent
"""Base folder of the cards that ship with Reelmill, whose revisions are set by ``training.stamp``."""


class CardDigest(NamedTuple):
    """The hash of one of a card's folders or files.

    Attributes:
        field: its place in the card, such as ``weights`` or ``loras.fast.weights``.
    """

    field: str
    path: Path
    weights: Weights
    sha256: str


def card_digests(card: LocalCard, weights_root: Path | None = None) -> list[CardDigest]:
    """Return the hashes of everything that a card names and that is on this machine; all of it is read."""
    return [
        CardDigest(field, path, weights, content_sha256(path, blobs_of(weights, path)))
        for field, path, weights in _places(card, weights_root)
    ]


def _places(card: LocalCard, weights_root: Path | None) -> list[tuple[str, Path, Weights]]:
    """Return the card's folders and LoRA files that are on this machine, with their place in the card."""
    places = [("weights", weights_path(card, weights_root), card.weights)]
    if isinstance(card, PipelineCard):
        places += [(f"parts.{name}", part_path(card, name, weights_root), part) for name, part in card.parts.items()]
    if isinstance(card, ModelCard):
        places += [(f"loras.{lora.name}", lora_path(card, lora, weights_root), lora.weights) for lora in card.all_loras]
    return [place for place in places if place[1].exists()]


def content_sha256(path: Path, blobs: Path | None = None) -> str:
    """Return the hash of a file, or of a folder: the hash of what sha256sum prints for all files that can be loaded."""
    if path.is_file():
        return sha256_of(path)
    return hashlib.sha256(sums(files_of(path, blobs)).encode()).hexdigest()


def unread_bytes(card: LocalCard, weights_root: Path | None = None) -> int:
    """Return the size of the large files of a card that this installation has not compared with their hashes yet."""
    found = 0
    for _, path, weights in _places(card, weights_root):
        files = [path] if path.is_file() else [file.path for file in files_of(path, blobs_of(weights, path))]
        sizes = [(file, file.stat().st_size) for file in files if file.suffix == ".safetensors"]
        found += sum(size for file, size in sizes if size > QUICK_BYTES and not is_known(file))
    return found


def weights_of(path: Path) -> Weights:
    """Return what a card says about a folder or file on this machine.

    Args:
        path: absolute.
    """
    files = [path] if path.is_file() else [file.path for file in files_of(path) if file.is_loaded]
    digest = content_sha256(path)
    size_mb = max(round(sum(file.stat().st_size for file in files) / 1e6, 1), 0.1)
    folder = path.parent if path.is_file() else path
    return Weights(folder=str(folder), hub_id=None, revision=digest[:REVISION_DIGITS], sha256=digest, size_mb=size_mb)


def sums(files: list[FolderFile]) -> str:
    """Return a line ``SHA-256  name`` for each file that can be loaded, in the format of sha256sum."""
    loaded = [file for file in files if file.is_loaded]
    digests = sha256_of_all([file.path for file in loaded])
    return "".join(f"{digest}  {file.name}\n" for digest, file in zip(digests, loaded, strict=True))


def check_integrity(card: LocalCard, weights: Weights, path: Path, files: list[FolderFile], quick: bool) -> None:
    """Check that files have the content that their revision stands for.

    Args:
        path: a folder, or the file of a LoRA.
        files: the folder's files, or those of them that are loaded if they come from the hub.
        quick: ignore the contents of large files that this installation has not read before.

    Raises:
        RefusedFileError: a file was changed, or nothing binds the files to the revision.
    """
    if weights.sha256 is None and weights.folder is not None:
        raise RefusedFileError(
            f"the card has no sha256, so nothing shows that the files are {card.name}@{weights.revision}; run "
            f"`reelmill models verify {card.name}`, and copy revision and sha256 into the card"
        )
    if quick and any(file.path.stat().st_size > QUICK_BYTES and not is_known(file.path) for file in files):
        return
    if weights.sha256 is not None:
        _check_sha256(card, weights, weights.sha256, path, files)
    else:
        _check_blobs(weights, blobs_of(weights, path), files)


def _check_sha256(card: LocalCard, weights: Weights, expected: str, path: Path, files: list[FolderFile]) -> None:
    found = sha256_of(path) if path.is_file() else hashlib.sha256(sums(files).encode()).hexdigest()
    if found != expected:
        raise RefusedFileError(
            f"{_changed(path, files, expected)} not what the card's sha256 stands for; restore the files, or, if you "
            f"changed them, run `reelmill models verify {card.name}` and copy revision and sha256 into the card"
        )
    if weights.folder is not None and card.home != BUNDLED and expected[:REVISION_DIGITS] not in weights.revision:
        raise RefusedFileError(
            f"the card's revision {shown(weights.revision)} does not contain the first {REVISION_DIGITS} digits of its "
            f"sha256, so other files could have the same revision; set it to {expected[:REVISION_DIGITS]}"
        )


def _changed(path: Path, files: list[FolderFile], expected: str) -> str:
    """Say which file was changed, if the folder contains the list of hashes that the card stands for."""
    listed = path / SUMS
    before = listed.read_text(errors="replace") if listed.is_file() and listed.stat().st_size < QUICK_BYTES else ""
    if hashlib.sha256(before.encode()).hexdigest() != expected:
        return "the contents are"
    difference = sorted(set(before.splitlines()) ^ set(sums(files).splitlines()), key=lambda line: line[66:])
    return f"the file {shown(difference[0][66:])} is" if difference else "the contents are"


def _check_blobs(weights: Weights, blobs: Path | None, files: list[FolderFile]) -> None:
    """Check that each file of a snapshot has the content that its name in the cache stands for."""
    targets = [file.path.resolve() for file in files]
    for file, target in zip(files, targets, strict=True):
        if blobs is None or target.parent != blobs.resolve():
            raise RefusedFileError(
                f"{shown(file.name)} is not a link into the cache, so its content cannot be compared with that of "
                f"{weights.hub_id}; download the file again, or add sha256 to the card"
            )
    large = [target for target in targets if len(target.name) == SHA256_DIGITS]
    digests = dict(zip(large, sha256_of_all(large), strict=True))
    for file, target in zip(files, targets, strict=True):
        if target.name != (digests.get(target) or git_sha1_of(target)):
            raise RefusedFileError(
                f"{shown(file.name)} does not have the content that was downloaded; download it again"
            )


def is_intact_blob(path: Path) -> bool:
    """Return whether a file of the cache has the content that its name stands for: SHA-256, or git's object id."""
    return path.name == (sha256_of(path) if len(path.name) == SHA256_DIGITS else git_sha1_of(path))
