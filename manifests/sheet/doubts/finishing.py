"""Texts for a language that no row has."""

from collections.abc import Iterator, Sequence

from manifests.brief import Brief
from manifests.finish.texts.languages import language_name
from manifests.sheet.layout import Layout
from manifests.sheet.localised import unused
from manifests.sheet.problem import CellProblem


def finish_warnings(layout: Layout, briefs: Sequence[Brief]) -> Iterator[CellProblem]:
    """Yield the columns per language that no finished row uses."""
    if any(brief.is_finished for brief in briefs):
        yield from _unused_languages(layout)


def _unused_languages(layout: Layout) -> Iterator[CellProblem]:
    for header, locale in unused(layout.localised, layout.locales):
        where = f"the column '{layout.header('locale')}'" if "locale" in layout.known else "a column 'locale'"
        message = (
            f"is for {language_name(locale)}, but no row has the locale {locale}. Enter {locale} in {where}, or delete "
            "this column."
        )
        yield layout.problem(layout.table.header_row, header, "", message)
