"""Files that finishing uses: logos, fonts, music and voice recordings."""

from manifests.finish.record import FinishRecord


class Asset(FinishRecord):
    """A file that was copied into the asset store when the sheet was submitted.

    Attributes:
        name: the file's name, for credentials and messages.
        sha256: SHA-256 of its bytes, as hex digits; the store returns its path.
        media_type: for example ``image/png``, ``image/svg+xml``, ``audio/mpeg`` or ``font/ttf``.
    """

    name: str
    sha256: str
    media_type: str
