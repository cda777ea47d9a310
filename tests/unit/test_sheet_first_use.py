"""What a first-time user enters: options of other tools, headings, counts, columns that differ only in capitals."""

from pathlib import Path

import pytest

from manifests.sheet import Checked, Row, Table, check_table
from models.registry import load_cards
from tasks.intake.intake import card_check

CARDS = load_cards()


def checked(headers: list[str], *rows: list[str]) -> Checked:
    numbered = tuple(Row(number, tuple(row)) for number, row in enumerate(rows, 2))
    table = Table(Path("plan.xlsx"), "plan", "ab" * 32, tuple(headers), 1, numbered, tab="x")
    return check_table(table, [card_check(CARDS, "starter")])


def said(found: Checked) -> list[str]:
    sentences = (problem.sentence for problem in (*found.problems, *found.warnings))
    return [sentence for sentence in sentences if "vocabulary" not in sentence]


@pytest.mark.parametrize(("typed", "value"), [("colour", "red"), ("Colour", "blue"), ("COLOUR", "red")])
def test_of_two_columns_that_differ_in_capitals_the_exact_one_is_used(typed: str, value: str):
    found = checked(["prompt", "colour", "Colour"], [f"a {{{typed}}} cup", "red", "blue"])
    [brief] = found.briefs
    assert brief.values(brief.placeholders[0]) == (value,)
    [warning] = said(found)
    assert "column C 'Colour' differs only in capitals from column B 'colour'" in warning


def test_headers_that_differ_in_signs_are_reported_only_if_a_prompt_uses_them():
    assert said(checked(["prompt", "Price €", "Price $"], ["a cup", "1", "2"])) == []
    [warning] = said(checked(["prompt", "Price €", "Price $"], ["a {Price $} cup", "1", "2"]))
    assert "only in capitals or signs" in warning


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("--ar 9:16", "9:16 into the column 'Aspect'"),
        ("—ar 9:16", "9:16 into the column 'Aspect'"),
        ("-ar 16:9", "16:9 into the column 'Aspect'"),
        ("--v 6", "Remove it"),
        ("--seed 12", "12 into the column 'seed'"),
        ("--no green", "green into the column 'negative_prompt'"),
        ("<lora:neon:0.8>", "Remove it"),
        ("(red:1.2)", "Keep the words"),
        ("((red))", "Keep the words"),
        ("[red:blue:0.5]", "Keep the words"),
        ("BREAK", "Remove it"),
        ("red::2", "Keep the words"),
        ("Negative prompt: blue", "blue into the column 'negative_prompt'"),
        ("Steps: 20, Sampler: Euler a, CFG scale: 7", "Remove them"),
    ],
)
def test_options_of_other_tools_are_reported_once(text: str, advice: str):
    [warning] = said(checked(["prompt", "Aspect"], [f"a cup {text}", "1:1"]))
    assert "syntax of other tools" in warning
    assert advice in warning


def test_a_command_is_reported():
    [warning] = said(checked(["prompt"], ["/imagine prompt: a cup"]))
    assert "'/imagine prompt:' is syntax of other tools" in warning


@pytest.mark.parametrize(
    "text",
    [
        "a 16:9 frame (at 9:30) of a well-lit cup",
        "a cup -- no, two cups -- on a table",
        "scene 2: a cup, (see note 3) [00:12:30]",
        "a sign: OPEN, a 3-2 score, C++ and std::vector",
        "TAKE A BREAK",
        "a cup (red, 2 handles) and size: large",
    ],
)
def test_prose_is_not_read_as_options(text: str):
    assert said(checked(["prompt"], [text])) == []


@pytest.mark.parametrize("text", ["N/A", "TBD", "n.a.", "-", "tbc", "Total", "Summe:", "Grand total"])
def test_a_prompt_that_is_none_is_skipped(text: str):
    found = checked(["prompt", "Client", "Aspect"], ["a cup", "Acme", "1:1"], [text, "Acme", "1:1"])
    assert [brief.prompts for brief in found.briefs] == [("a cup",)]
    assert found.skipped == {3}
    [warning] = said(found)
    assert warning.startswith("Row 3 contains no brief")


@pytest.mark.parametrize("text", ["Spring", "Notes: for Anna", "Contact: a@example.com", "SUMMER SALE IN MAY"])
def test_a_heading_among_the_prompts_is_reported(text: str):
    rows = [["a cup", "1:1"], [text], ["a cube", "1:1"], ["a circle", "1:1"]]
    [warning] = said(checked(["prompt", "Aspect"], *rows))
    assert warning.startswith(f"Row 3, column A 'prompt': '{text}' is used as a prompt.")


def test_short_prompts_are_not_reported_in_sheets_without_other_cells():
    assert said(checked(["prompt"], ["cup"], ["cube"], ["circle"])) == []
    assert said(checked(["prompt", "Aspect"], ["cup"], ["cube", "1:1"], ["circle"])) == []


@pytest.mark.parametrize(
    "header", ["count", "clips", "quantity", "qty", "shots", "number of clips", "Anzahl", "fps", "resolution"]
)
def test_a_number_without_effect_is_reported(header: str):
    [warning] = said(checked(["prompt", header], ["a cup", "3"]))
    assert "is not a Reelmill column" in warning
    assert ("'variants'" in warning) == (header not in ("fps", "resolution"))
    assert said(checked(["prompt", header], [f"a cup {{{header}}}", "3"])) == []


@pytest.mark.parametrize("header", ["Prompt (max 200 characters)", "Beschreibung", "What it shows"])
def test_the_nearest_header_of_a_prompt_is_named(header: str):
    found = checked([header, "Aspect"], ["a red cup on a table", "1:1"])
    assert f"If '{header}' contains the prompts, rename it to 'prompt'." in found.problems[0].sentence


def test_only_the_error_is_reported_if_variants_is_invalid():
    [error] = said(checked(["prompt", "seed", "variants"], ["a cup", "1|2|3", "x2"]))
    assert "'x2' is not a whole number" in error


@pytest.mark.parametrize("text", ["a red cup|a blue cup", "a red cup | a blue cup"])
def test_whole_prompts_between_bars_are_no_single_words(text: str):
    [warning] = said(checked(["prompt"], [text]))
    assert "option" not in warning


def test_a_total_with_a_text_for_a_clip_is_used_and_reported():
    [warning] = said(checked(["prompt", "cta"], ["Total", "Shop now"]))
    assert "'Total' is used as a prompt." in warning
