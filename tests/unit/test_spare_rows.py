"""Rows that contain no brief are skipped and reported in one line; rows with content stay errors."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.sheet import Checked, Row, Table, check_table

HEADERS = ("no", "prompt", "aspect", "cta", "done")


def checked(*rows: list[str], headers: tuple[str, ...] = HEADERS) -> Checked:
    numbered = tuple(Row(number, tuple(row)) for number, row in enumerate(rows, 2) if any(row))
    return check_table(Table(Path("plan.xlsx"), "plan", "ab" * 32, headers, 1, numbered, tab="x"))


def said(found: Checked) -> list[str]:
    return [problem.sentence for problem in (*found.problems, *found.warnings)]


GOOD = ["1", "a red circle", "16:9", "Buy", "TRUE"]


@pytest.mark.parametrize("flag", ["FALSE", "TRUE", "FALSCH", "WAHR", "FAUX", "☐"])
def test_check_boxes_alone_are_one_line(flag):
    found = checked(GOOD, *[["", "", "", "", flag]] * 900)
    assert said(found) == [f"Rows 3 to 902 contain no brief (only {flag} in 'done') and are skipped."]
    assert (len(found.briefs), len(found.skipped)) == (1, 900)


def test_running_numbers_alone_are_skipped():
    found = checked(GOOD, *[[str(number), "", "", "", ""] for number in range(2, 12)])
    assert said(found) == ["Rows 3 to 12 contain no brief (only numbers in 'no') and are skipped."]


def test_a_formula_that_was_filled_down_is_skipped():
    rows = [[str(number), "", "16:9", "", "0"] for number in range(2, 12)]
    assert said(checked(GOOD, *rows)) == [
        "Rows 3 to 12 contain no brief (only numbers in 'no', '16:9' in 'aspect', numbers in 'done') and are skipped."
    ]


@pytest.mark.parametrize("value", ["#N/A", "#REF!", "-", "…", "_"])
def test_left_over_results_of_formulas_are_skipped(value):
    assert len(checked(GOOD, ["", "", "", "", value]).skipped) == 1


def test_names_with_running_numbers_are_skipped_if_they_were_filled_down():
    rows = [[f"SKU-{number:03}", "", "", "", ""] for number in range(7)]
    assert len(checked(GOOD, *rows).skipped) == 7
    assert len(checked(GOOD, rows[0]).problems) == 1


@pytest.mark.parametrize("word", ["Total", "Summe:", "Gesamtsumme", "TOTAL (12)", "Somme", "合计", "Итого", "Sum"])
@pytest.mark.parametrize("place", [0, 1])
def test_totals_are_skipped(word, place):
    row = ["", "", "", "", "€ 1,204.50"]
    row[place] = word
    assert said(checked(GOOD, row)) == ["Row 3 contains no brief (a total) and is skipped."]


def test_a_repeated_header_is_skipped():
    found = checked(GOOD, list(HEADERS), [*GOOD[:2], "1:1", "", ""])
    assert "Row 3 contains no brief (the header again) and is skipped." in said(found)
    assert len(found.briefs) == 2


@pytest.mark.parametrize(
    "row", [["# drafts"], ["", "# drafts below"], ["// old"], ["# 3", "a red cup", "16:9"], ["#draft"], ["#"]]
)
def test_comments_are_skipped(row):
    assert said(checked(GOOD, row)) == ["Row 3 contains no brief (a comment) and is skipped."]


@pytest.mark.parametrize(
    "row",
    [
        ["", "", "", "Shop now", ""],
        ["summer-1", "", "", "", ""],
        ["", "", "4:5", "", ""],
        ["", "", "7:3", "", "FALSE"],
        ["", "#REF!", "", "", ""],
        ["", "Total", "", "Shop now", ""],
    ],
)
def test_a_row_with_content_is_never_skipped(row):
    assert checked(GOOD, row).skipped == frozenset()


@pytest.mark.parametrize("prompt", ["#sunset beach", "🔥🌊", "total eclipse", "false colours", "1984", '{"": ""}'])
def test_a_prompt_is_not_taken_for_a_comment_a_total_or_a_flag(prompt):
    found = checked(["x1", prompt, "", "", ""])
    assert ([brief.row for brief in found.briefs], found.skipped) == ([2], frozenset())


def test_the_same_call_to_action_in_many_rows_stays_an_error():
    assert len(checked(GOOD, *[["", "", "", "Shop now", ""]] * 20).problems) == 20


def test_ranges_pass_over_blank_rows():
    blank = [""] * 5
    found = checked(GOOD, ["", "", "", "", "FALSE"], blank, ["", "", "", "", "FALSE"], GOOD, ["", "", "", "", "FALSE"])
    assert "Rows 3 to 5 and 7 contain no brief (only FALSE in 'done') and are skipped." in said(found)


CELLS = st.sampled_from(["", "", "FALSE", "1", "2", "0", "16:9", "Shop now", "a red circle", "Total", "# x", "-", "no"])


@given(st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=12))
def test_every_row_is_a_brief_an_error_or_reported(rows):
    found = checked(*rows)
    numbers = {number for number, row in enumerate(rows, 2) if any(row)}
    bad = {problem.row for problem in found.problems}
    assert numbers == ({brief.row for brief in found.briefs} | bad | found.skipped) - {1}
    assert not found.skipped & {brief.row for brief in found.briefs}
    assert bool(found.skipped) == any("no brief" in warning.sentence for warning in found.warnings)
