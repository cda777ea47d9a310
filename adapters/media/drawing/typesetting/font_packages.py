"""Which package of Debian has a font for a character."""

import unicodedata
from collections.abc import Iterable

CJK, CORE, EMOJI = "fonts-noto-cjk", "fonts-noto-core", "fonts-noto-color-emoji"
_CJK = (
    (0x1100, 0x11FF),
    (0x2500, 0x259F),
    (0x2E80, 0x9FFF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFFEF),
    (0x20000, 0x3FFFF),
)
_EMOJI = ((0x1F000, 0x1F1FF), (0x1F300, 0x1FAFF))
_IDEOGRAPHIC = (0x1F200, 0x1F2FF)
_NEITHER = frozenset(
    [
        "CHORASMIAN",
        "CYPRO-MINOAN",
        "DIVES",
        "GARAY",
        "GURUNG",
        "HENTAIGANA",
        "KAWI",
        "KHITAN",
        "KIRAT",
        "MAKASAR",
        "NAG",
        "NANDINAGARI",
        "OTTOMAN",
        "SUNUWAR",
        "TANGSA",
        "TODHRI",
        "TOTO",
        "TULU-TIGALARI",
        "VITHKUQI",
        "ZNAMENNY",
    ]
)
"""First words of the names of characters that no font of ``fonts-noto-core`` has, found by opening all of them."""


def packages_for(clusters: Iterable[str]) -> tuple[str, ...]:
    """Return the packages that have fonts for all clusters, each once; none if one of them is in none."""
    found = dict.fromkeys(_package(ord(cluster[0])) for cluster in clusters if cluster)
    return () if "" in found else tuple(found)


def _package(code: int) -> str:
    """Return the package for a character; empty if it is not known."""
    if unicodedata.category(chr(code)) in ("Cn", "Co", "Cs"):
        return ""
    if _is_in(code, (*_CJK, _IDEOGRAPHIC)):
        return CJK
    if _is_in(code, _EMOJI):
        return EMOJI
    return "" if unicodedata.name(chr(code), "").partition(" ")[0] in _NEITHER else CORE


def _is_in(code: int, blocks: Iterable[tuple[int, int]]) -> bool:
    return any(first <= code <= last for first, last in blocks)
