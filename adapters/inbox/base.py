"""What a watched place can do."""

from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """A file that lies in a watched place.

    Attributes:
        name: without any folder.
        size: bytes.
        stamp: another one means other content, as far as can be told without reading.
        age_s: seconds since the last change; None where the place shows only whole files.
    """

    name: str
    size: int
    stamp: str
    age_s: float | None


class Inbox(Protocol):
    """A flat place into which others put files, and where answers are left beside them."""

    place: str
    """What people call it: a path, or an s3 URL."""

    def found(self) -> list[Found]:
        """Return the files that lie here by name, but hidden ones and those in folders below.

        Raises:
            BucketError: the place cannot be looked at.
        """
        ...

    def fetch(self, name: str, most: int) -> bytes | None:
        """Return a file's bytes, ``most`` + 1 of them where there are more; None where it is gone.

        Raises:
            BucketError: it cannot be read.
        """
        ...

    def leave(self, name: str, data: bytes) -> None:
        """Put a file here, whole, in the place of one with its name.

        Raises:
            BucketError: it cannot be written.
        """
        ...
