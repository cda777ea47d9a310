"""Copy published files from the bucket into a package, and compare them with the catalogue."""

import hashlib
from pathlib import Path

from adapters.bucket import Bucket
from manifests.packages.errors import PackageError


def fetch(bucket: Bucket, key: str, sha256: str, out: Path) -> None:
    """Copy an object to a file. A file that exists already with this content is kept.

    Raises:
        PackageError: the object has another content than the catalogue says.
        BucketError: it is missing, or the bucket does not respond.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part, digest = out.with_name(f".{out.name}.part"), hashlib.sha256()
    try:
        with part.open("wb") as file:
            for piece in bucket.read_pieces(key):
                digest.update(piece)
                file.write(piece)
        if sha256 and digest.hexdigest() != sha256:
            raise PackageError(f"The object {key} has another content than the catalogue says. Run `reelmill sweep`.")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
