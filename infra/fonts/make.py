"""Make the shipped fonts from the Noto families that npm packages contain: subset them, drop hints, and compress them.

Run `python -m infra.fonts.make FOLDER` after `npm pack` of the packages in PACKAGES into FOLDER (README.md). It needs
fonttools, which the bench extra installs.
"""

import json
import lzma
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

OUT = Path(__file__).parents[2] / "adapters/media/drawing/fonts"
PACKAGES = {
    "noto-sans": "0.4.2",
    "noto-sans-arabic": "0.4.3",
    "noto-sans-devanagari": "0.4.1",
    "noto-sans-hebrew": "0.4.1",
    "noto-sans-thai": "0.4.2",
    "noto-sans-jp": "0.4.3",
    "noto-sans-sc": "0.4.3",
    "noto-sans-kr": "0.4.3",
    "noto-sans-symbols": "0.4.1",
    "noto-sans-symbols-2": "0.4.1",
    "noto-color-emoji": "0.4.6",
}
"""Packages of @expo-google-fonts and their versions."""
KANJI = (
    "々喩嗅嘲毀溺璧瘍箋籠緻羨臼訃詣諧貪辣遡遜鬱麓彙楷諦憬惧慄僅剝填頰謎餅珈琲咖啡麒麟檸檬琥珀翡翠珊瑚瑠璃玻薔薇鳳凰燦煌颯凜凛彗絢艶囁嘘噂繋"
    "掻蕎麦饅饂飩餃雲呑炒焙煎淹燻醤麴糀壺鍋蓋箸茗荷筍牡蠣鰻鮪鱈鰹鯵蟹蛤栗杏棗芍薬菫蘭藁簾暖炉簪髭髪瞼肌膚膠原潤澤濡妖媚爛漫絨毯繭絣裃袴襟"
)
"""Kanji of advertisements that are not all in JIS level 1."""
HORIZONTAL = ("kern", "palt", "liga", "ccmp", "locl", "mark", "mkmk", "calt")
"""Features of East Asian fonts that horizontal text uses."""
SPACES = (0x20, 0xA0)
UNUSED_TABLES = ("SVG ", "vhea", "vmtx", "BASE", "STAT", "meta")


class Source(NamedTuple):
    """A family, what it covers, and the OpenType features that are kept."""

    package: str
    covers: Callable[[], set[int]] | None = None
    features: tuple[str, ...] = ("*",)
    weights: tuple[str, ...] = ("400Regular", "700Bold")


def _range(*pairs: tuple[int, int]) -> set[int]:
    return {code for first, last in pairs for code in range(first, last + 1)}


def _of_charset(codec: str, first: int, last: int) -> set[int]:
    """Return the characters of the rows of a national character set."""
    found = set()
    for row in range(first, last + 1):
        for cell in range(0xA1, 0xFF):
            try:
                found.add(ord(bytes([row, cell]).decode(codec)))
            except (UnicodeDecodeError, TypeError):  # the cell is not assigned
                continue
    return found


def _latin() -> set[int]:
    return _range(
        (0x20, 0x52F), (0x1E00, 0x2BFF), (0x2C60, 0x2C7F), (0x2DE0, 0x2E7F), (0xA640, 0xA69F), (0xA720, 0xA7FF),
        (0xAB30, 0xAB6F), (0xFB00, 0xFB06), (0xFE20, 0xFE2F), (0xFEFF, 0xFEFF), (0xFFFD, 0xFFFD),
    )  # fmt: skip


def _japanese() -> set[int]:
    """Kana, symbols, the 2,965 kanji of JIS level 1, and some of level 2 that are in everyday use."""
    signs = _range((0x2000, 0x2E7F), (0x3000, 0x30FF), (0x31F0, 0x33FF), (0xFF00, 0xFFEF))
    return signs | _of_charset("euc_jp", 0xA1, 0xCF) | set(map(ord, KANJI))


def _chinese() -> set[int]:
    """The 3,755 simplified characters of GB 2312 level 1, and punctuation."""
    signs = _range((0x2018, 0x201F), (0x2E80, 0x303F), (0x3100, 0x312F), (0xFF00, 0xFFEF))
    return signs | {code for code in _of_charset("gb2312", 0xA1, 0xD7) if code >= 0x2E80}


def _korean() -> set[int]:
    """The 2,350 syllables of KS X 1001, and letters."""
    return _range((0x3131, 0x318E)) | {code for code in _of_charset("euc_kr", 0xA1, 0xC8) if 0xAC00 <= code <= 0xD7A3}


SOURCES = {
    "NotoSans": Source("noto-sans", _latin),
    "NotoSansArabic": Source("noto-sans-arabic"),
    "NotoSansDevanagari": Source("noto-sans-devanagari"),
    "NotoSansHebrew": Source("noto-sans-hebrew"),
    "NotoSansThai": Source("noto-sans-thai"),
    "NotoSansJP": Source("noto-sans-jp", _japanese, HORIZONTAL),
    "NotoSansSC": Source("noto-sans-sc", _chinese, HORIZONTAL),
    "NotoSansKR": Source("noto-sans-kr", _korean, HORIZONTAL),
    "NotoSansSymbols": Source(
        "noto-sans-symbols", lambda: _range((0x2100, 0x24FF), (0x2600, 0x27BF)), weights=("400Regular",)
    ),
    "NotoSansSymbols2": Source(
        "noto-sans-symbols-2", lambda: _range((0x2300, 0x23FF), (0x25A0, 0x27BF), (0x2B00, 0x2BFF)), (), ("400Regular",)
    ),
    "NotoColorEmoji": Source("noto-color-emoji", weights=("400Regular",)),
}


def main(folder: Path) -> None:
    """Write the fonts, their coverage and their licences."""
    covered: dict[str, list[int]] = {}
    licences: list[str] = []
    for family, source in SOURCES.items():
        packed = folder / f"expo-google-fonts-{source.package}-{PACKAGES[source.package]}.tgz"
        with tarfile.open(packed) as package:
            files = {name: member for member in package.getmembers() if (name := member.name) and member.isfile()}
            for weight in source.weights:
                original = next(name for name in files if name.endswith(f"_{weight}.ttf"))
                name = f"{family}-{weight[3:]}.ttf.xz"
                content, codes = _subset(_read(package, original), source)
                (OUT / name).write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
                covered[name] = list(_as_ranges(codes))
            licences.append(f"{family}: {_read(package, 'package/LICENSE_FONT').decode().strip()}")
    (OUT / "coverage.json").write_text(json.dumps(covered, separators=(",", ":")) + "\n")
    (OUT / "OFL.txt").write_text(f"\n\n{'-' * 80}\n\n".join(licences) + "\n")


def _read(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(name)
    assert file is not None
    return file.read()


def _subset(content: bytes, source: Source) -> tuple[bytes, Iterable[int]]:
    from fontTools import subset
    from fontTools.ttLib import TTFont

    font: Any = TTFont(BytesIO(content), lazy=True)
    for table in UNUSED_TABLES:  # before subsetting, which takes a minute for the SVG pictures of the emoji
        if table in font:
            del font[table]
    options = subset.Options(layout_features=list(source.features), hinting=False, notdef_outline=True, name_IDs=["*"])
    wanted = {*source.covers(), *SPACES} if source.covers else set(font.getBestCmap())
    codes = set(font.getBestCmap()) & wanted
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    font.recalcTimestamp = False
    out = BytesIO()
    font.save(out)
    return out.getvalue(), font.getBestCmap()


def _as_ranges(codes: Iterable[int]) -> Iterator[int]:
    """Yield the first and the last code of each run of consecutive codes."""
    previous = None
    for code in sorted(codes):
        if previous is None or code != previous + 1:
            if previous is not None:
                yield previous
            yield code
        previous = code
    if previous is not None:
        yield previous


if __name__ == "__main__":
    main(Path(sys.argv[1]))
