"""Why a file is refused."""

from manifests.errors import IncompleteWeightsError

SHOWN = 120
"""Characters of a name or value in a message."""


class RefusedFileError(IncompleteWeightsError):
    """A file of a model folder is damaged or not safe to load. The message is the end of a sentence."""


def shown(text: object) -> str:
    """Return a name or value from a folder for a message: one line, without control characters, and short."""
    plain = str(text)
    plain = plain if plain.isprintable() else ascii(plain)[1:-1]
    return plain if len(plain) <= SHOWN else plain[: SHOWN - 1] + "…"
