"""Read the pictures that a sheet names by URL: ``https://`` through a guard, ``s3://`` with the configured account."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from adapters.inbox.s3_objects import S3Objects, split_s3_url
from adapters.media.picture import InvalidPictureError
from adapters.web import Fetched, FetchError, GuardedFetcher
from manifests.errors import BucketError, BucketUnreachableError
from tasks.intake.sources.sheet_store import MAX_PICTURE_BYTES

ACCEPT = "image/png, image/jpeg, image/webp"
UNSPECIFIC = frozenset(
    (
        "",
        "application/octet-stream",
        "application/x-octet-stream",
        "binary/octet-stream",
        "application/download",
        "application/x-download",
        "application/force-download",
    )
)
"""Types that servers declare if they do not know a file's type; the content decides."""
_OTHER_KINDS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"%PDF": "a PDF",
    b"<svg": "an SVG",
    b"<?xml": "an SVG or XML",
}
_BOXED_KINDS = {b"avif": "an AVIF", b"avis": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIC"}
_SHARING = {
    "drive.google.com": "Share the file with anyone with the link, and use "
    "https://drive.google.com/uc?export=download&id=ID with the ID that the link contains after /d/.",
    "www.dropbox.com": "Replace dl=0 at the end of the link by dl=1.",
}
"""Services whose links for people lead to a web page around the picture."""


class UnavailablePictureError(InvalidPictureError):
    """The picture cannot be downloaded now; a later attempt may succeed."""


def is_remote(name: str) -> bool:
    """Return whether the text of a cell is a URL, not the name of a file."""
    return "://" in name or name.lower().startswith(("data:", "file:", "www.", "https:", "http:", "s3:"))


class RemoteSources:
    """Reads pictures by their URL; threads may share it.

    Args:
        fetcher: downloads ``https://`` URLs.
        objects: reads ``s3://`` URLs.
        prefixes: the only locations (``s3://name/prefix``) that may be read; None if all may be.
    """

    def __init__(self, fetcher: GuardedFetcher, objects: S3Objects, prefixes: Sequence[str] | None = None) -> None:
        self._fetcher = fetcher
        self._objects = objects
        self._prefixes = prefixes
        self._down: dict[str, InvalidPictureError] = {}

    def check(self, url: str) -> None:
        """Check, without a request, that a URL may be read.

        Raises:
            InvalidPictureError: it may not.
        """
        if problem := _form_problem(url):
            raise InvalidPictureError(problem)
        if url.lower().startswith("s3://"):
            self._check_location(url)

    def read(self, url: str) -> bytes:
        """Return the content of a picture; its type is checked, but it is not decoded.

        If a host does not respond, its other pictures are not tried.

        Raises:
            InvalidPictureError: the URL may not be read, or does not lead to a picture.
        """
        self.check(url)
        host = url.partition("://")[2].partition("/")[0].lower()
        if host in self._down:
            raise self._down[host]
        try:
            return self._object(url) if url.lower().startswith("s3://") else self._download(url)
        except FetchError as error:
            failure = (UnavailablePictureError if error.is_transient else InvalidPictureError)(str(error))
            if error.is_host_down:
                self._down[host] = failure
            raise failure from error
        except BucketUnreachableError as error:
            self._down[host] = UnavailablePictureError(f"cannot be read. {error}")
            raise self._down[host] from error
        except BucketError as error:
            raise InvalidPictureError(f"cannot be read. {error}") from error

    def _download(self, url: str) -> bytes:
        return picture_in(self._fetcher.get(url, accept=ACCEPT, max_bytes=MAX_PICTURE_BYTES), url)

    def _object(self, url: str) -> bytes:
        bucket, key = split_s3_url(url)
        data = self._objects.read(bucket, key, MAX_PICTURE_BYTES)
        if data is None:
            raise InvalidPictureError(f"does not exist in the bucket {bucket}. Check its key.")
        if len(data) > MAX_PICTURE_BYTES:
            raise InvalidPictureError(f"is larger than {MAX_PICTURE_BYTES / 1e6:.0f} MB. Reduce its size.")
        _check_content(data)
        return data

    def _check_location(self, url: str) -> None:
        try:
            bucket, key = split_s3_url(url)
        except ValueError as error:
            raise InvalidPictureError("is not the URL of an object. Use s3://bucket/key.") from error
        if self._prefixes is not None and not any(_is_below(bucket, key, prefix) for prefix in self._prefixes):
            raise InvalidPictureError(
                "is in a location that sheets from other machines may not read. Use an https:// URL, or add the "
                "location to REELMILL_PICTURE_PREFIXES."
            )


def picture_in(fetched: Fetched, url: str) -> bytes:
    """Return the content of a download that can be a picture, by its declared type and its first bytes.

    Raises:
        InvalidPictureError: it is something else.
    """
    media_type, start = fetched.media_type, fetched.content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if media_type in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype html", b"<html")):
        advice = _SHARING.get(urlsplit(url).hostname or "", "Open the picture alone in the browser, and use that URL.")
        raise InvalidPictureError(f"is a web page, not a picture. {advice}")
    if not media_type.startswith("image/") and media_type not in UNSPECIFIC:
        raise InvalidPictureError(f"is a file of the type {media_type[:40]}, not a picture. Use a PNG, JPEG or WebP.")
    _check_content(fetched.content)
    return fetched.content


def _check_content(data: bytes) -> None:
    """Reject other kinds of pictures by their first bytes; damaged ones are found when they are decoded."""
    kind = _BOXED_KINDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
    kind = kind or next((words for magic, words in _OTHER_KINDS.items() if data.startswith(magic)), None)
    if kind:
        raise InvalidPictureError(f"is {kind} file. Save it as PNG, JPEG or WebP.")


def _form_problem(url: str) -> str:
    """Return why a text is not a single https:// or s3:// URL; empty if it is one."""
    scheme = url.partition(":")[0].lower()
    if scheme == "data":
        return "is an embedded picture. Save it as a file, and enter the file's name or its https:// URL."
    if scheme == "file":
        return "is the URL of a local file. Enter the path of the file instead."
    if url.lower().startswith("www."):
        return "is a URL without a scheme. Put https:// in front of it."
    if url.count("://") > 1 and any(separator in url for separator in (", ", "; ", " ", ",https", ";https")):
        return "contains several URLs. Separate them with |."
    if scheme not in ("https", "http", "s3"):
        return "cannot be downloaded. Use an https:// or s3:// URL, or the name of a file."
    return ""


def _is_below(bucket: str, key: str, location: str) -> bool:
    """Return whether an object is below ``s3://name/prefix``; a prefix ends at a slash, as a folder does."""
    if any(part in ("", ".", "..") for part in key.split("/")):  # a store behind a proxy may resolve such parts
        return False
    name, _, prefix = location.partition("://")[2].partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    return bucket == name and key.startswith(prefix)
