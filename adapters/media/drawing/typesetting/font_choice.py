"""Which font draws each part of a text: those of the brand kit, then the shipped ones, then those of the system.

Fonts are chosen for grapheme clusters, which are what people see as one character: a letter with its accents, a
Hindi conjunct, or a family emoji of seven code points. A cluster is drawn by one font that has all of it; if no font
has, it is missing, and the text is not drawn. So nobody sees a box.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, Protocol

import regex

from adapters.media.drawing.skia_library import font_files, load_skia, system_fonts
from adapters.media.drawing.typesetting.font_packages import packages_for
from adapters.media.drawing.typesetting.font_set import FontSet
from adapters.media.drawing.typesetting.shipped_fonts import (
    EAST_ASIAN,
    EMOJI,
    shipped_covers,
    shipped_families,
    shipped_typeface,
)
from manifests.errors import FinishError
from manifests.pluralize import one_or_more

_CLUSTER = regex.compile(r"\X")
_INVISIBLE = regex.compile(r"(?V1)[[\p{Default_Ignorable_Code_Point}\n]--[\u115f\u1160\u3164\uffa0]]")
"""HarfBuzz draws the fillers of Korean, which are invisible by definition too."""
_PICTURE = regex.compile(r"\p{Emoji_Presentation}|\p{Emoji}\N{VARIATION SELECTOR-16}|\p{RI}\p{RI}")
_BREAK = regex.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_KANA, _HANGUL = regex.compile(r"[\p{Hiragana}\p{Katakana}]"), regex.compile(r"\p{Hangul}")
_NEVER_DRAWN = frozenset({"Cc", "Cs", "Cn"})
"""Categories of control characters, surrogates and characters that do not exist."""
_TEXT_STYLE = "\N{VARIATION SELECTOR-15}"
_WEIGHT_AXIS = int.from_bytes(b"wght", "big")


class Run(NamedTuple):
    """A part of a text that one font draws; ``typeface`` is a ``skia.Typeface``."""

    text: str
    font: str
    typeface: Any


def plain_lines(text: str) -> str:
    """Return a text whose line breaks are all newlines, without tabs and without space around lines."""
    return "\n".join(line.strip() for line in _BREAK.sub("\n", text).replace("\t", " ").split("\n"))


def missing_glyphs(text: str, fonts: FontSet, role: str = "body", language: str = "") -> tuple[str, ...]:
    """Return the characters that no font can draw, each once, in the order of the text.

    Characters that are never visible, such as joiners and variation selectors, are not missing. Control characters
    other than tabs and line breaks are.
    """
    chosen = choose_fonts(plain_lines(text), fonts, role, 400, language)
    return tuple(dict.fromkeys(cluster for cluster, face in chosen if face is None))


def choose_fonts(
    text: str, fonts: FontSet, role: str = "body", weight: int = 400, language: str = ""
) -> Iterator[tuple[str, "Face | None"]]:
    """Yield the clusters of a text with their fonts; None for those that no font can draw."""
    return _Chooser(fonts, role, weight, language, text).clusters(text)


def runs(text: str, fonts: FontSet, role: str = "body", weight: int = 400, language: str = "") -> list[Run]:
    """Split a text into parts that one font draws.

    Raises:
        FinishError: no font can draw a character; the message names it and how to get a font.
    """
    found: list[Run] = []
    for cluster, face in choose_fonts(text, fonts, role, weight, language):
        if face is None:
            raise FinishError(missing_message(missing_glyphs(text, fonts, role, language)))
        if found and found[-1].font == face.name:
            found[-1] = found[-1]._replace(text=found[-1].text + cluster)
        else:
            found.append(Run(cluster, face.name, face.typeface(weight)))
    return found


def missing_message(missing: tuple[str, ...]) -> str:
    """Return a sentence that names characters that no font can draw, and how to fix it."""
    shown = ", ".join(_named(cluster) for cluster in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return f"No font has {shown}{more}. {_advice(missing)}"


def _named(cluster: str) -> str:
    codes = " ".join(f"U+{ord(character):04X}" for character in cluster)
    is_shown = all(unicodedata.category(character) not in {*_NEVER_DRAWN, "Co"} for character in cluster)
    return f'"{cluster}" ({codes})' if is_shown else codes


def _advice(missing: tuple[str, ...]) -> str:
    categories = {unicodedata.category(character) for cluster in missing for character in cluster}
    if categories <= _NEVER_DRAWN:
        return "Delete it: it is not a printable character."
    add = f"Add a font that has {one_or_more(len(missing), 'it', 'them')} to the brand kit"
    packages = packages_for(missing)
    return f"{add}, or install one: `apt-get install {' '.join(packages)}`." if packages else f"{add}."


class Face(Protocol):
    """A font in some weights."""

    @property
    def name(self) -> str: ...

    def covers(self, code: int) -> bool: ...

    def typeface(self, weight: int) -> Any: ...


class _ShippedFace(NamedTuple):
    name: str

    def covers(self, code: int) -> bool:
        return shipped_covers(self.name, code)

    def typeface(self, weight: int) -> Any:
        return shipped_typeface(self.name, weight)


class _BrandFace(NamedTuple):
    """Files of one family."""

    name: str
    paths: tuple[str, ...]

    def covers(self, code: int) -> bool:
        return bool(brand_typeface(self.paths[0]).unicharToGlyph(code))

    def typeface(self, weight: int) -> Any:
        typefaces = [brand_typeface(path, weight) for path in self.paths]
        return min(typefaces, key=lambda typeface: abs(typeface.fontStyle().weight() - weight))


class _SystemFace(NamedTuple):
    name: str
    system_typeface: Any

    def covers(self, code: int) -> bool:
        return bool(self.system_typeface.unicharToGlyph(code))

    def typeface(self, weight: int) -> Any:
        return self.system_typeface


class _Chooser:
    """Chooses fonts for the clusters of a text."""

    def __init__(self, fonts: FontSet, role: str, weight: int, language: str, text: str) -> None:
        self._language = _east_asian(language, text)
        brand = _brand_faces(fonts.files(role))
        self._faces: tuple[Face, ...] = (*brand, *map(_ShippedFace, shipped_families(self._language)))
        self._weight, self._system = weight, fonts.system

    def clusters(self, text: str) -> Iterator[tuple[str, Face | None]]:
        """Yield the clusters of a text with their fonts; None for missing ones.

        Line breaks, and what is invisible by definition, belong to the font before them.
        """
        face: Face | None = self._faces[0]
        for cluster in _CLUSTER.findall(text):
            visible = _INVISIBLE.sub("", cluster)
            face = self._face_of(cluster, visible) if visible else face or self._faces[0]
            yield cluster, face

    def _face_of(self, cluster: str, visible: str) -> Face | None:
        if any(unicodedata.category(character) in _NEVER_DRAWN for character in visible):  # some fonts map them
            return None
        forms = {visible, unicodedata.normalize("NFC", visible), unicodedata.normalize("NFD", visible)}
        for face in self._ordered(cluster):
            if any(all(face.covers(ord(character)) for character in form) for form in forms):
                return face
        return self._system_face(visible) if self._system else None

    def _ordered(self, cluster: str) -> tuple[Face, ...]:
        if _PICTURE.search(cluster) and _TEXT_STYLE not in cluster:
            return (_ShippedFace(EMOJI), *self._faces)
        return self._faces

    def _system_face(self, visible: str) -> Face | None:
        if unicodedata.category(visible[0]) == "Co":  # each font has other pictures for private use
            return None
        face = _system_face(visible[0], self._weight, self._language)
        return face if face and all(face.covers(ord(character)) for character in visible) else None


def _east_asian(language: str, text: str) -> str:
    """Return the primary language; without one, Japanese or Korean if the text has their letters."""
    primary = language.replace("_", "-").partition("-")[0].casefold()
    if primary in EAST_ASIAN:
        return primary
    return "ja" if _KANA.search(text) else "ko" if _HANGUL.search(text) else primary


@cache
def _brand_faces(paths: tuple[str, ...]) -> tuple[Face, ...]:
    """Return one font for each family, in the order of its first file."""
    families: dict[str, list[str]] = {}
    for path in paths:
        families.setdefault(brand_typeface(path).getFamilyName(), []).append(path)
    return tuple(_BrandFace(f"brand {name}", tuple(found)) for name, found in families.items())


@cache
def brand_typeface(path: str, weight: int = 400) -> Any:
    """Return the typeface of a file, None if it is not a font. Variable fonts get the weight."""
    skia = load_skia()
    typeface = font_files().makeFromFile(path)
    axes = {axis.tag: axis for axis in typeface.getVariationDesignParameters() or ()} if typeface else {}
    if _WEIGHT_AXIS not in axes:
        return typeface
    axis, position = axes[_WEIGHT_AXIS], skia.FontArguments.VariationPosition
    coordinate = position.Coordinate(_WEIGHT_AXIS, float(min(max(weight, axis.min), axis.max)))
    arguments = skia.FontArguments()
    arguments.setVariationDesignPosition(position(position.Coordinates([coordinate])))
    return typeface.makeClone(arguments)


@cache
def _system_face(character: str, weight: int, language: str) -> _SystemFace | None:
    skia = load_skia()
    style = skia.FontStyle(weight, 5, skia.FontStyle.kUpright_Slant)
    typeface = system_fonts().matchFamilyStyleCharacter("", style, [language] if language else [], ord(character))
    if typeface is None or not typeface.unicharToGlyph(ord(character)):
        return None
    return _SystemFace(f"system {typeface.uniqueID()}", typeface)
