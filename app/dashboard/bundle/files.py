"""The files of a bundle: what each clip has, and their content, compared with the catalogue as it is read."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from adapters.bucket import Bucket
from adapters.catalogue import SignedFacts, VariantRow
from app.dashboard.deps import Deps
from app.dashboard.routes.media import ENDINGS, Kind, MediaNotFoundError, published_key, staged_path
from app.session import Session
from manifests.errors import ReelmillError
from manifests.identity import file_stem
from tasks.runtime.files.shared_staging import SHARED, keys_of_staged
from tasks.runtime.resources import bucket_of

log = logging.getLogger(__name__)
KINDS: tuple[Kind, ...] = ("clip", "sidecar", "record")
_PIECE = 1 << 18
"""Bytes that are read from a file at once."""


class ChangedFileError(ReelmillError):
    """A file was changed or deleted during a download."""


class BundleFile(NamedTuple):
    """A file in a bundle.

    Attributes:
        sha256: the expected hex digest; empty if the catalogue has none.
        read: opens the file and returns its content in pieces.
    """

    name: str
    size: int
    sha256: str
    read: Callable[[], Iterator[bytes]]

    def pieces(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            ChangedFileError: the file can no longer be read, or its content is not the expected one.
        """
        digest, size = hashlib.sha256(), 0
        try:
            for piece in self.read():
                digest.update(piece)
                size += len(piece)
                if size > self.size:
                    break
                yield piece
        except (OSError, ReelmillError) as error:
            raise self._changed(str(error)) from error
        if size != self.size or (self.sha256 and digest.hexdigest() != self.sha256):
            raise self._changed("its content has changed")

    def _changed(self, reason: str) -> ChangedFileError:
        log.warning("A download was cut off at %s: %s", self.name, reason)
        return ChangedFileError(f"The download was cut off at {self.name}, because the file changed. Try again.")


def files_of(deps: Deps, session: Session, row: VariantRow) -> list[BundleFile]:
    """Return the signed clip with its sidecar and record, or else the unsigned clip.

    Raises:
        MediaNotFoundError: there is no clip, or one of its files does not exist or is on another machine.
        BucketError: the bucket does not respond.
    """
    name = f"{file_stem(row.variant.prompt)}-{row.variant_id[:12]}"
    bucket = bucket_of(session.resources, patient=False)
    keys = {kind: key for kind in KINDS if (key := published_key(row, kind))}
    if keys and row.signed:
        return [_object(bucket, key, name + ENDINGS[kind], _digest(row.signed, key)) for kind, key in keys.items()]
    unsigned = f"unsigned/{name}{ENDINGS['clip']}"
    if row.clip and row.clip.machine == SHARED:
        return [_object(bucket, keys_of_staged(row.clip)[0], unsigned, row.clip.sha256)]
    path = staged_path(deps, row, "clip")
    return [BundleFile(unsigned, path.stat().st_size, row.clip.sha256 if row.clip else "", partial(_read, path))]


def _object(bucket: Bucket, key: str, name: str, sha256: str) -> BundleFile:
    size = bucket.size(key)
    if size is None:
        raise MediaNotFoundError(f"The object {key} is missing from the bucket. Run `reelmill sweep` to check it.")
    return BundleFile(name, size, sha256, partial(bucket.read_pieces, key))


def _digest(signed: SignedFacts, key: str) -> str:
    return signed.sha256 if key == signed.key else signed.digests.get(key, "")


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
