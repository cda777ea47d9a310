"""The fonts in `fonts/`: which characters each one has, and its bytes. `infra/fonts/make.py` makes them."""

import json
import lzma
from bisect import bisect_right
from functools import cache
from importlib.resources import files
from typing import Any

from adapters.media.drawing.skia_library import font_files, load_skia
from manifests.errors import FinishError

FOLDER = files("adapters.media.drawing") / "fonts"
EMOJI = "NotoColorEmoji"
ALPHABETS = ("NotoSans", "NotoSansArabic", "NotoSansDevanagari", "NotoSansHebrew", "NotoSansThai")
EAST_ASIAN = {"ja": "NotoSansJP", "zh": "NotoSansSC", "ko": "NotoSansKR"}
"""Families by language. They draw the same Chinese characters differently, as is usual in each language."""
SYMBOLS = ("NotoSansSymbols2", "NotoSansSymbols")


def shipped_families(language: str) -> tuple[str, ...]:
    """Return the shipped families in the order of preference for a language such as ``ja``."""
    own = EAST_ASIAN.get(language, "NotoSansSC")
    others = [family for family in EAST_ASIAN.values() if family != own]
    return (*ALPHABETS, own, *others, *SYMBOLS, EMOJI)


def shipped_covers(family: str, code: int) -> bool:
    """Return whether a shipped family has a glyph for a code point."""
    ranges = _coverage()[_file_of(family, 400)]
    index = bisect_right(ranges, code)
    return bool(index % 2) or bool(index and ranges[index - 1] == code)


@cache
def shipped_typeface(family: str, weight: int) -> Any:
    """Return the ``skia.Typeface`` of a shipped family whose weight is nearest.

    Raises:
        FinishError: the package is damaged.
    """
    skia, name = load_skia(), _file_of(family, weight)
    try:
        content = lzma.decompress((FOLDER / name).read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise FinishError(f"The shipped font {name} cannot be read ({error}). Install Reelmill again.") from error
    return font_files().makeFromData(skia.Data.MakeWithCopy(content))


@cache
def _coverage() -> dict[str, list[int]]:
    """Return for each file the first and the last code of each run of code points, in order."""
    found: dict[str, list[int]] = json.loads((FOLDER / "coverage.json").read_text())
    return found


def _file_of(family: str, weight: int) -> str:
    bold = f"{family}-Bold.ttf.xz"
    return bold if weight >= 600 and bold in _coverage() else f"{family}-Regular.ttf.xz"
