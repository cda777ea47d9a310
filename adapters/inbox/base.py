"""The interface of watched places."""

from typing import NamedTuple, Protocol


class InboxFile(NamedTuple):
    """A file in a watched place.

    Attributes:
        name: name without folder.
        size: size in bytes.
        stamp: changes with the content, as far as this can be detected without reading the file.
        age_s: seconds since the last change; None if the place lists only complete files.
    """

    name: str
    size: int
    stamp: str
    age_s: float | None


class Inbox(Protocol):
    """A folder or prefix to which others write sheets, and to which we write receipts."""

    place: str
    """Path or s3 URL of the place, for people."""

    def list_files(self) -> list[InboxFile]:
        """Return the files, without hidden files and without subfolders.

        Raises:
            BucketError: the place cannot be listed.
        """
        ...

    def fetch(self, name: str, most: int) -> bytes | None:
        """Return a file's bytes, at most ``most`` + 1 of them; None if the file does not exist.

        A link, a folder or a FIFO with the name has no bytes.

        Raises:
            BucketError: the file cannot be read.
        """
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically; an existing file with this name is replaced.

        Raises:
            BucketError: the file cannot be written.
        """
        ...

    def is_own(self, name: str) -> bool:
        """Return whether only this user can have written a file, as far as the place knows its owner."""
        ...
