"""Texts for a language that no row has."""

from collections.abc import Iterator, Sequence

from manifests.brief import Brief
from manifests.finish.texts.languages import language_name
from manifests.sheet.layout import Layout
from manifests.sheet.localised import localised_of, unused
from manifests.sheet.problem import CellProblem

ONE_FOR_ALL = frozenset(("voiceover", "music", "sound", "finish", "reframe"))
"""Columns that cannot have columns per language."""


def finish_warnings(layout: Layout, briefs: Sequence[Brief]) -> Iterator[CellProblem]:
    """Yield the columns per language that no finished row uses."""
    if any(brief.is_finished for brief in briefs):
        yield from _unused_languages(layout)
        yield from _untranslatable(layout)


def _untranslatable(layout: Layout) -> Iterator[CellProblem]:
    """Yield columns per language of what has none, such as ``voiceover_de``."""
    for header in layout.metadata:
        meaning = localised_of(header, (), (), ONE_FOR_ALL)
        if meaning and meaning.base in ONE_FOR_ALL:
            advice = "Use a row for each language."
            if meaning.base == "voiceover":
                advice = (
                    "Enter auto there, and name the voice of each language in brand.yaml, such as "
                    f"voices: {{{meaning.locale}: espeak-ng}}, or use a row for each language."
                )
            message = f"has no effect: the column '{meaning.base}' applies to all languages of a row. {advice}"
            yield layout.problem(layout.table.header_row, header, "", message)


def _unused_languages(layout: Layout) -> Iterator[CellProblem]:
    for header, locale in unused(layout.localised, layout.locales):
        where = f"the column '{layout.header('locale')}'" if "locale" in layout.known else "a column 'locale'"
        message = (
            f"is for {language_name(locale)}, but no row has the locale {locale}. Enter {locale} in {where}, or delete "
            "this column."
        )
        yield layout.problem(layout.table.header_row, header, "", message)
