"""Break long words at soft hyphens, which Skia would break without drawing a hyphen."""

from collections.abc import Callable, Iterator

import regex

SOFT_HYPHEN = "\N{SOFT HYPHEN}"
_BREAK = "-\N{ZERO WIDTH SPACE}"
_WORDS = regex.compile(r"(\s+)")


def hyphenated(text: str, width_of: Callable[[str], float], room: float) -> str:
    """Return a text in which words that are wider than a line have hyphens where their lines end.

    Other soft hyphens are removed.

    Args:
        text: with soft hyphens where words may be broken.
        width_of: returns the width of a text without line breaks, in pixels.
        room: width of a line in pixels.
    """
    return "".join("".join(_parts(word, width_of, room)) for word in _WORDS.split(text))


def _parts(word: str, width_of: Callable[[str], float], room: float) -> Iterator[str]:
    pieces = [piece for piece in word.split(SOFT_HYPHEN) if piece]
    line = ""
    for index, piece in enumerate(pieces):
        rest = "".join(pieces[index:])
        if line and width_of(line + rest) > room and width_of(f"{line}{piece}-") > room:
            yield line + _BREAK
            line = ""
        line += piece
    yield line
