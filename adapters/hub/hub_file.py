"""Files of a repository, as the hub lists them."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from huggingface_hub.hf_api import RepoFile

from adapters.hub.errors import HubError

BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SHOWN = 120


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file at one revision of a repository.

    Attributes:
        name: path in the repository, with slashes.
        size: bytes.
        blob: what the cache calls its content: the SHA-256 of a large file, or git's object id, in hex digits.
    """

    name: str
    size: int
    blob: str

    @classmethod
    def of(cls, file: RepoFile, hub_id: str) -> Self:
        """Return a listed file.

        Raises:
            HubError: its name leads out of the repository, or its hash is not one.
        """
        blob = file.lfs.sha256 if file.lfs else file.blob_id
        path = PurePosixPath(file.path)
        is_plain = path.parts and file.path.isprintable() and str(path) == file.path and "\\" not in file.path
        if not is_plain or path.is_absolute() or ".." in path.parts or not BLOB.fullmatch(blob) or file.size < 0:
            raise HubError(
                f"{hub_id} lists the file {ascii(file.path)[:SHOWN]}, whose name or hash is not valid. Use another "
                "repository."
            )
        return cls(file.path, file.size, blob)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files of one revision of a repository.

    Attributes:
        hub_id: ``owner/name``.
        revision: a commit, 40 hex digits.
    """

    hub_id: str
    revision: str
    files: tuple[HubFile, ...]
