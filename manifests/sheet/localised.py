"""Columns per language: ``cta_de``, ``CTA (de)``, ``script_ar``, ``price_pt-BR``."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from manifests.finish.texts.languages import canonical, primary, tag_of_name
from manifests.sheet.columns import name_of, normalise

WORDED = ("cta", "script", "captions")
"""Our own columns that can have columns per language."""
TEXTS = frozenset(
    ("headline", "subline", "subhead", "tagline", "claim", "offer", "price", "legal", "legal_line", "disclaimer")
)
"""Columns of the sheet's own that people usually translate."""
_SEPARATOR = re.compile(r"[\s_.(\[/:-]+")


class Localised(NamedTuple):
    """A column per language.

    Attributes:
        base: ``cta``, ``script`` or ``captions``, or the placeholder of another column, such as ``price_eur``.
        locale: canonical language tag.
    """

    base: str
    locale: str


def localised_of(
    header: str, bases: Collection[str], locales: Collection[str], texts: Collection[str] = ()
) -> Localised | None:
    """Return what a header means as a column per language, or None.

    Args:
        bases: placeholders of the sheet's other columns. Theirs need a locale that a row has, because many words of
            two letters are language codes as well.
        locales: canonical tags of the locales in the sheet.
        texts: other names that are recognised with every language, such as the placeholders of finish templates.
    """
    if name_of(header):
        return None
    for base, tag in _divisions(header):
        name = name_of(base) or normalise(base).replace(" ", "_")
        is_text = name in WORDED or name in TEXTS or name in texts
        if is_text or (name in bases and _is_among(tag, locales)):
            return Localised(name, tag)
    return None


def _divisions(header: str) -> Iterator[tuple[str, str]]:
    """Yield each way to divide a header into a name and a language tag, the longest tag first."""
    for found in _SEPARATOR.finditer(header):
        base, rest = header[: found.start()].strip(), header[found.end() :].rstrip(" )]")
        if base and (tag := _tag(rest)):
            yield base, tag


def _tag(text: str) -> str:
    try:
        return canonical(text)
    except ValueError:
        return tag_of_name(text)


def _is_among(tag: str, locales: Collection[str]) -> bool:
    return any(tag == locale or tag == primary(locale) for locale in locales)


def unused(found: Mapping[str, Localised], locales: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (header, language tag) of the columns for a language that no row has."""
    for header, column in found.items():
        if not _is_among(column.locale, locales):
            yield header, column.locale


def locales_in(cells: Iterable[str]) -> frozenset[str]:
    """Return the canonical tags in the cells of a column ``locale``; other texts are left out."""
    return frozenset(tag for cell in cells for part in cell.split("|") if (tag := _tag(part.strip())))
