"""Files that finishing uses: logos, fonts, music and voice recordings."""

from manifests.errors import FinishError
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


class InvalidAssetError(FinishError):
    """The file cannot be used as a logo, font, music or recording.

    Attributes:
        problem: what is wrong, and the fix; it continues a sentence that begins with the name of the file.
    """

    def __init__(self, problem: str, name: str = "The file") -> None:
        super().__init__(f"{name} {problem}")
        self.problem = problem
