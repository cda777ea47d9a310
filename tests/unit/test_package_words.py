"""Titles, keywords and file names of packages, with hostile texts."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.packages.adobe_stock import HEADER, MAX_BYTES, MAX_ROWS, StockRow, csv_parts, stock_text
from manifests.packages.agencies import REFUSALS, check_accepts
from manifests.packages.errors import PackageError
from manifests.packages.file_names import file_name
from manifests.packages.item import PackageItem
from manifests.packages.words import keywords_of, title_of, words_of_prompt

FORMULA = ("=", "+", "-", "@", "\t", "\r")
HOSTILE = [
    '=HYPERLINK("http://evil.example","Coffee")',
    '+1 Coffee, in a "cup"',
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "Kaffee ☕️ am Morgen 👨‍👩‍👧 – „frisch“, heiß",
    "قهوة، في الصباح",
    "a\x00b\u202ec\r\nd,e",
    "  ,, '\"' ,, ",
]


def item(title: str = "", keywords: tuple[str, ...] = (), prompt: str = "a cup of coffee on a wooden table", **more):
    metadata = {name: value for name, value in (("title", (title,)), ("keywords", keywords)) if any(value)}
    values = {"item_id": "1234567890ab" * 2, "is_deliverable": False, "brief_id": "=b 1,\n☕", "row": 2,
              "placement": "16:9", "aspect_ratio": "16:9", "key": "k", "sha256": ""}  # fmt: skip
    return PackageItem(**{**values, **more}, prompt=prompt, metadata=metadata)


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300)), st.integers(1, 200))
def test_titles_are_short_plain_and_no_formulas(text: str, longest: int) -> None:
    title = title_of(text, longest)
    assert len(title) <= longest
    assert "," not in title
    assert not title.startswith(FORMULA)
    assert title == " ".join(title.split())
    assert all(sign.isprintable() for sign in title)


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60)), max_size=80))
def test_keywords_are_few_different_and_without_commas(texts: list[str]) -> None:
    words = keywords_of(texts, 50)
    assert len(words) <= 50
    assert len({word.casefold() for word in words}) == len(words)
    assert all(word and "," not in word and not word.startswith(FORMULA) for word in words)


@given(st.lists(st.text(max_size=60), max_size=4), st.text("0123456789abcdef", min_size=12, max_size=32))
def test_file_names_are_safe_and_short(parts: list[str], item_id: str) -> None:
    name = file_name(parts, item_id, longest=30)
    assert len(name) <= 30
    assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{8}\.mp4", name)


@given(st.lists(st.tuples(st.text(max_size=70), st.lists(st.text(max_size=30), max_size=50)), max_size=30))
def test_rows_can_be_read_back(texts: list[tuple[str, list[str]]]) -> None:
    rows = [stock_text(item(title, tuple(words), prompt=title)).row for title, words in texts]
    written = io.StringIO()
    csv.writer(written).writerows(row.cells for row in rows)
    assert [tuple(cells) for cells in csv.reader(io.StringIO(written.getvalue()))] == [row.cells for row in rows]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_sheet_gives_harmless_cells(text: str) -> None:
    row = stock_text(item(text, (text, "coffee", "cup", "table", "morning", "steam"))).row
    assert len(row.title) <= 70
    assert len(row.file_name) <= 30
    assert not any(cell.startswith(FORMULA) for cell in row.cells)
    assert "," not in row.title


def test_texts_of_a_language_come_before_general_ones() -> None:
    metadata = {"headline": ("Fresh",), "headline_de": ("Frisch",), "headline_pt_br": ("Fresco",), "cta": ("Buy",)}
    finished = item()._replace(metadata=metadata, texts={"cta": "Kaufen"})
    texts = [
        finished._replace(locale=locale).text("title", "headline") for locale in ("", "de-AT", "pt-BR", "pt", "fr")
    ]
    assert texts == ["Fresh", "Frisch", "Fresco", "Fresh", "Fresh"]
    assert finished.text("cta") == "Kaufen"


def test_titles_are_cut_between_words() -> None:
    assert title_of("A red ball rolls over green grass", 20) == "A red ball rolls"
    assert title_of("Hello, world, again.", 70) == "Hello world again"
    assert title_of("Żółte liście – jesień", 70) == "Żółte liście – jesień"


def test_without_keywords_the_words_of_the_prompt_are_used_and_noted() -> None:
    text = stock_text(item(prompt="A slow shot of the steaming coffee cup on a wooden table, coffee beans around"))
    assert text.row.keywords == ("steaming", "coffee", "cup", "wooden", "table", "beans", "around")
    assert text.row.title == "A slow shot of the steaming coffee cup on a wooden table coffee beans"
    assert len(text.notes) == 2
    assert words_of_prompt("it is on", 50) == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"prompt": "a street in the style of Monet, rain, lamps, evening, reflections"}, "in the style of"),
        ({"title": "Getty like picture of a dog"}, "Getty"),
        ({"keywords": ("one", "two")}, "2 keywords"),
        ({"prompt": "☕", "title": ""}, "no title"),
    ],
)
def test_texts_that_adobe_refuses_are_problems(changes: dict, problem: str) -> None:
    assert any(problem in each for each in stock_text(item(**changes)).problems)


@pytest.mark.parametrize(
    ("category", "written"), [("4", "4"), ("21", "21"), ("22", ""), ("0", ""), ("Food", ""), ("٤", "4"), ("", "")]
)
def test_only_numbers_of_categories_are_written(category: str, written: str) -> None:
    found = stock_text(item("Coffee")._replace(metadata={"category": (category,)}))
    assert found.row.category == written
    assert any("category" in note for note in found.notes) == bool(category and not written)


def test_large_tables_are_split_by_rows_and_bytes() -> None:
    small = [StockRow(f"{number:08d}.mp4", "Title", ("a",)) for number in range(12_000)]
    parts = list(csv_parts(small))
    assert [row for part in parts for row in part] == small
    assert max(len(part) + 1 for part in parts) == MAX_ROWS
    large = [StockRow(f"{number:08d}.mp4", "ü" * 70, ('"quoted"' * 100,)) for number in range(3_000)]
    for part in csv_parts(large):
        written = io.StringIO()
        csv.writer(written).writerows([HEADER, *(row.cells for row in part)])
        assert len(written.getvalue().encode()) <= MAX_BYTES
    assert list(csv_parts([])) == []


@pytest.mark.parametrize("agency", [*REFUSALS, "getty-images"])
def test_agencies_that_refuse_ai_are_refused_with_a_reason_and_an_alternative(agency: str) -> None:
    with pytest.raises(PackageError, match=r"does not accept AI-generated clips .* Use adobe-stock"):
        check_accepts(agency)
