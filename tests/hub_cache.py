"""A snapshot in the Hugging Face cache, with the layout that ``hf download`` makes."""

import hashlib
import os
from pathlib import Path

from models.card import Card
from models.weights import weights_path

LFS_BYTES = 1000
"""Files of this size are treated as if they were in LFS, whose blobs are named by SHA-256; others by git's SHA-1."""


def hub_snapshot(card: Card, cache: Path, source: Path) -> Path:
    """Store the files of a folder as the snapshot of a hub card, and return its folder."""
    snapshot = weights_path(card, cache)
    blobs = snapshot.parent.parent / "blobs"
    blobs.mkdir(parents=True)
    for path in sorted(source.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            (blobs / name_of(content)).write_bytes(content)
            link = snapshot / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blobs / name_of(content), link.parent))
    return snapshot


def name_of(content: bytes) -> str:
    """Return the name of a blob with this content."""
    if len(content) >= LFS_BYTES:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
