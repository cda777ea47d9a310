"""Titles, descriptions and keywords of deliverables, from the columns of their rows."""

import pytest

from manifests.brief import Brief
from manifests.finish.texts.about import MAX_KEYWORDS, About, about, about_clip


def brief(**columns: tuple[str, ...]) -> Brief:
    return Brief(
        2, "coffee", ("a cup of coffee",), metadata={name.replace("__", " "): each for name, each in columns.items()}
    )


def test_a_row_without_these_columns_is_titled_by_its_name():
    assert about(brief()) == About("coffee")
    assert about(brief(title=(), keywords=("",))) == About("coffee")


def test_keywords_are_split_and_each_is_kept_once():
    words = about(brief(title=("Coffee",), keywords=("coffee, Morning; cup", "COFFEE", "steam")))
    assert words.keywords == ("coffee", "Morning", "cup", "steam")


def test_at_most_fifty_keywords_are_kept():
    words = about(brief(keywords=(",".join(f"word {number}" for number in range(80)),)))
    assert len(words.keywords) == MAX_KEYWORDS
    assert words.keywords[0] == "word 0"


@pytest.mark.parametrize(
    ("locale", "title"), [("", "Coffee"), ("fr", "Coffee"), ("de", "Kaffee"), ("de-AT", "Melange"), ("de-CH", "Kaffee")]
)
def test_a_column_of_the_language_has_priority(locale, title):
    row = brief(title=("Coffee",), title_de=("Kaffee",), **{"Title_de-AT": ("Melange",)})
    assert about(row, locale).title == title


def test_columns_per_language_of_placeholders_are_used():
    row = Brief(2, "coffee", ("x",), metadata={"title": ("Coffee",)}, localised={"title": {"ar": ("قهوة",)}})
    assert about(row, "ar-EG").title == "قهوة"
    assert about(row, "en").title == "Coffee"


def test_a_clip_has_the_words_of_its_rows():
    assert about_clip({}) is None
    assert about_clip({"Title": ("",), "product": ("cup",)}) is None
    metadata = {"Title": ("Coffee", "Tea"), "Keywords": ("coffee, cup", "tea")}
    assert about_clip(metadata) == About("Coffee", "", ("coffee", "cup", "tea"))
