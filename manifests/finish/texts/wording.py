"""The texts of a brief in one language."""

from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from manifests.brief import Brief
from manifests.finish.texts.languages import canonical, nearest
from manifests.sheet.columns import normalise
from manifests.sheet.localised import Localised, localised_of

LOCALE, CTA = "locale", "cta"
NOTHING = ("none", "-")


class Wording(NamedTuple):
    """One language and call to action of a row.

    Attributes:
        locale: canonical language tag; empty for none.
        position: position of the locale in the row, from 0; the row's own columns are in the language of the first one.
        cta: call to action; empty for none.
        number: position of the call to action among those of the row, from 0.
    """

    locale: str
    position: int
    cta: str
    number: int


def tag_of(locale: str) -> str:
    """Return the canonical form of a locale, or the text as it is if it is no language tag."""
    try:
        return canonical(locale)
    except ValueError:
        return locale


def are_paired(brief: Brief) -> bool:
    """Return whether the first call to action belongs to the first locale, the second to the second, and so on."""
    same = len(brief.locales) == len(brief.ctas) > 1
    return same and (brief.axes == "zip" or CTA not in brief.localised)


def wordings(brief: Brief, labels: Mapping[str, str] = MappingProxyType({})) -> Iterator[Wording]:
    """Yield the languages and calls to action of a clip, or of all clips of a row.

    Args:
        labels: the values that decide the clip, by column: if its prompt names the locale or the call to action, it
            has only those. Empty for the whole row.
    """
    locales = [(index, locale) for index, locale in enumerate(brief.locales) if _belongs(locale, labels.get(LOCALE))]
    ctas = [(index, cta) for index, cta in enumerate(brief.ctas) if _belongs(cta, labels.get(CTA))]
    for (index, locale), (number, cta) in product(locales or [(0, "")], ctas or [(0, "")]):
        if not are_paired(brief) or index == number:
            tag = tag_of(locale)
            yield Wording(tag, index, _own_cta(brief, tag, number, cta), number)


def _belongs(value: str, label: str | None) -> bool:
    return label is None or value in label.split("|")


def _own_cta(brief: Brief, locale: str, number: int, cta: str) -> str:
    texts = localised(brief, CTA, locale)
    return texts[min(number, len(texts) - 1)] if texts else cta


def localised(brief: Brief, name: str, locale: str) -> tuple[str, ...]:
    """Return the texts of the column per language for a locale; those of its language if it has none of its own."""
    texts = brief.localised.get(name, {})
    key = nearest(locale, {tag: tag for tag in texts}) if locale else ""
    return texts.get(key, ())


def text_of(brief: Brief, name: str, wording: Wording, labels: Mapping[str, str]) -> str:
    """Return the text for a placeholder in the wording's language; empty if the row has none."""
    if name == CTA:
        return wording.cta
    if texts := localised(brief, name, wording.locale):
        return texts[min(wording.number, len(texts) - 1)]
    return _own_text(brief, name, wording, labels)


def _own_text(brief: Brief, name: str, wording: Wording, labels: Mapping[str, str]) -> str:
    """Return the text of the row's own column: the value that decides the clip, or that belongs to the locale."""
    column = column_of(brief, name)
    if column in labels and "|" not in labels[column]:
        return labels[column]
    values = brief.values(column)
    if len(values) > 1 and len(values) == len(brief.locales):
        return values[wording.position]
    return values[0] if values else ""


def column_of(brief: Brief, name: str) -> str:
    """Return the header of the row's own column for a placeholder; the name itself if it is not in the sheet."""
    return next((header for header in brief.metadata if placeholder_of(header) == name), name)


def header_for(brief: Brief, name: str, locale: str) -> str:
    """Return the header of the column from which a text of a locale comes: its column per language, or its own."""
    texts = brief.localised.get(name, {})
    key = nearest(locale, {tag: tag for tag in texts}) if locale else ""
    meant = Localised(name, key)
    own = (header for header in brief.metadata if key and localised_of(header, {name}, {key}, {name}) == meant)
    return next(own, column_of(brief, name))


def caption_column(brief: Brief, locale: str) -> str:
    """Return the header of the column from which the captions of a locale come: captions or script."""
    is_own = brief.captions.casefold() not in ("", "script") or localised(brief, "captions", locale)
    return header_for(brief, "captions" if is_own else "script", locale)


def placeholder_of(header: str) -> str:
    """Return the placeholder for a header: ``price_eur`` for ``Price (EUR)``."""
    return normalise(header).replace(" ", "_")


def script_of(brief: Brief, locale: str) -> str:
    """Return what is spoken in a locale; empty for nothing."""
    return next(iter(localised(brief, "script", locale)), brief.script)


def captions_of(brief: Brief, locale: str, files: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the captions of a locale: text, SRT or WebVTT; empty for none.

    Args:
        files: the texts of files of captions, by the name in the sheet.
    """
    text = next(iter(localised(brief, "captions", locale)), brief.captions)
    if text.casefold() in NOTHING:
        return ""
    return script_of(brief, locale) if text.casefold() in ("", "script") else files.get(text, text)
