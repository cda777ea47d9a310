"""Output on terminals and in pipes that cannot represent every character."""

import codecs
import io
import sys
from typing import TextIO

HANDLER = "reelmill.readable"
DEFAULT_HANDLERS = ("strict", "surrogateescape", "backslashreplace")
"""Python's defaults; another handler was chosen with PYTHONIOENCODING."""
ALIKE = {
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "×": "x",
    "·": "-",
    "•": "*",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "\u00a0": " ",
    "\u202f": " ",
    "│": "|",
    "─": "-",
    "┼": "+",
    "✓": "v",
    "✗": "x",
}
"""ASCII for the characters that our messages, tables and Rich use."""


def make_output_readable() -> None:
    """Make standard output and error replace what their encoding lacks, instead of raising UnicodeEncodeError.

    ``PYTHONIOENCODING=ascii``, a Latin-1 locale and Windows consoles have such encodings, and even UTF-8 cannot
    represent the undecodable bytes of a file name.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in DEFAULT_HANDLERS:
            stream.reconfigure(errors=HANDLER)


def can_represent(stream: TextIO, text: str) -> bool:
    """Return whether the encoding of a stream has all characters of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(ALIKE.get(char, "?") for char in error.object[error.start : error.end]), error.end


codecs.register_error(HANDLER, _replace)
