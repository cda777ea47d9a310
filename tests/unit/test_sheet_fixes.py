"""The fixes that messages suggest work: each fixed sheet is valid."""

import ast
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from finished_sheets import FINISHED, finishing_in
from sheets.bad import FILES, HEADERS, NUMBERS, PLACEMENTS, PROMPTS, ROWS, P, one
from sheets.making import lines, workbook

from adapters.sheets import read_table
from manifests.errors import CardRuleError
from manifests.placement import ASPECT_RATIOS, CHANNELS
from manifests.sheet import check_table
from manifests.sheet.cells import parse_seconds
from manifests.sheet.stock.check import check_stock
from models.registry import load_cards, load_scorer_cards
from tasks.intake.intake import card_check, validate_sheet
from tasks.intake.prompt_length import PromptLengths
from tasks.stock.stock_sheet import card_checks

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

FIXED: dict[str, tuple[bytes, ...]] = {
    "open quote": (lines("prompt,notes", '"a red circle",x'), lines("prompt,notes", "a red circle,x")),
    "stray quote": (lines("prompt,notes", '"""big"" circle",x'), workbook([["prompt"], ['"big" circle']])),
    "cell too long": (lines("prompt", "x" * 2000),),
    "too many columns": (lines("prompt," + ",".join(f"c{i}" for i in range(199)), "x"),),
    "no prompt, near": (lines("prompt,Aspect", "x,16:9"),),
    "no prompt, alike": (lines("Client,prompt,Aspect", "acme,x,16:9"),),
    "no prompt, none": (lines("Aspect,Length,prompt", "16:9,2,x"),),
    "no header at all": (lines("prompt,16:9", "a blue square,9:16"), lines("prompt,aspect", "a red circle,16:9")),
    "no rows": (lines("prompt,placements", "x"),),
    "two prompts": (lines("Prompt", "x"), lines("Prompt,Old prompt", "x,y")),
    "channel and aspect": (
        lines("Prompt,Channel", "x,tiktok"),
        lines("Prompt,Channel,Old aspect", "x,tiktok,9:16"),
        lines("Prompt,Channel", "x,tiktok 9:16"),
    ),
    "prompt empty": (lines("prompt,notes", "a circle,x"),),
    "prompt too long": (lines("prompt", "x" * 2000),),
    "prompt grows too long": (lines("prompt,long", "a {long}," + "x" * 1500),),
    "gap in an axis": (lines("prompt", "a red circle|a blue one"), lines("prompt", "a red circle|a cup|a blue one")),
    "NUL": (lines("prompt", "a red circle"),),
    "error value in text": (one("model", "starter"),),
    "error value in a workbook": (workbook([["Prompt", "Length"], [P, 2]]),),
    "formula without result": (workbook([["Prompt", "colour"], ["a cup", "x"]]),),
    "unknown placeholder": (lines("Prompt,Product name", "a {Product name},x"),),
    "placeholder, no other column": (lines("Prompt,product", "a {product},x"), lines("Prompt", "a cup")),
    "misspelt placeholder": (lines("Prompt,Colour", "a {Colour} circle,red"),),
    "placeholder names seed": (lines("Prompt,seed", "a cup,1"),),
    "unknown in negative": (lines("Prompt,Avoid,brand", "a circle,{brand},x"), lines("Prompt,Avoid", "a circle,x")),
    "open brace": (lines("Prompt,colour", "a {colour} circle,red"), lines("Prompt,colour", "a {{colour circle,red")),
    "closing brace": (lines("Prompt,colour", "a {colour} circle,red"), lines("Prompt,colour", "a colour}} circle,red")),
    "empty braces": (lines("Prompt,colour", "a {colour} circle,red"), lines("Prompt,colour", "a {{}} circle,red")),
    "empty placeholder cell": (
        lines("Prompt,colour", "a {colour} circle,red"),
        lines("Prompt,colour", "a circle,"),
    ),
    "aspect": tuple(one("Aspect", ratio) for ratio in ("16:9", "9:16", "1:1")),
    "channel typo": tuple(one("Channel", value) for value in (*CHANNELS, *ASPECT_RATIOS)),
    "two ratios": tuple(one("Aspect", value) for value in ("tiktok", "16:9", "tiktok 1:1", "16:9|9:16")),
    "commas between": (one("Aspect", "16:9|9:16"),),
    "line breaks between": (workbook([["prompt", "Channel"], [P, "tiktok|reels"]]),),
    "duration zero": tuple(one("duration_s", value) for value in ("0.1", "600", "5")),
    "variants zero": tuple(one("variants", value) for value in ("1", "10000")),
    "variants several": (one("variants", "2"),),
    "want zero": (one("want", "1"),),
    "want more": (lines("prompt,variants,want", "x,3,3"), lines("prompt,variants,want", "x,4,4")),
    "seed negative": tuple(one("seed", value) for value in ("0", "4294967295")),
    "seed too near the end": (lines("prompt,seed,variants", f"{P},4294967294,2"),),
    "adherence above 1": tuple(one("min_adherence", value) for value in ("-1", "1", "0.2")),
    "axes word": (one("axes", "cartesian"), one("axes", "zip")),
    "zip lengths": (
        lines("prompt,colour,Aspect,axes", "a {colour} circle,red|blue,16:9|9:16,zip"),
        lines("prompt,colour,Aspect,axes", "a {colour} circle,red|blue|pink,16:9|9:16,cartesian"),
    ),
    "brief_id twice": (lines("brief_id,prompt", "x1,a circle", "x2,a square"),),
    "brief_id too long": (lines("brief_id,prompt", "x" * 120 + ",a circle"),),
    "unquoted comma": (lines("prompt,Aspect", '"a red, round circle",16:9', "a blue square,16:9"),),
    "unquoted semicolon": (lines("prompt;Aspect;notes", '"a red; round circle";16:9;x', "a;16:9;"),),
}
"""Fixed sheets by the case in ``sheets.bad``, one for each fix that its message suggests."""

CARDS, SCORERS = load_cards(), load_scorer_cards()


def test_each_fix_belongs_to_an_invalid_sheet():
    assert FIXED.keys() <= {sheet.case for sheet in (*FILES, *HEADERS, *PROMPTS, *PLACEMENTS, *NUMBERS, *ROWS)}


@pytest.mark.parametrize(("case", "data"), [(case, data) for case, fixed in FIXED.items() for data in fixed])
def test_a_fixed_sheet_is_valid(tmp_path: Path, case: str, data: bytes):
    path = tmp_path / ("sheet.xlsx" if data.startswith(b"PK") else "sheet.csv")
    path.write_bytes(data)
    found = check_table(read_table(path))
    assert [problem.sentence for problem in found.problems] == []
    assert found.briefs


@pytest.mark.parametrize(
    ("column", "value", "fixed"),
    [("model", "stater", "starter"), ("duration_s", "60", "2.12"), ("placements", "tiktok 60s", "tiktok 2.12s")],
)
def test_a_fix_suggested_by_a_card_is_valid(tmp_path: Path, column: str, value: str, fixed: str):
    path = tmp_path / "sheet.csv"
    path.write_bytes(one(column, value))
    [problem] = check_table(read_table(path), [card_check(CARDS, "starter")]).problems
    assert re.search(rf"\b{re.escape(fixed.removeprefix('tiktok '))}\b", problem.sentence)
    path.write_bytes(one(column, fixed))
    assert check_table(read_table(path), [card_check(CARDS, "starter")]).problems == ()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "model",
            "imagen",
            "is not a known model. Use starter or another model from `reelmill models`, or leave the cell",
        ),
        ("model", "stater", "is not a known model. Did you mean starter? `reelmill models` lists all models."),
        (
            "duration_s",
            "5",
            "is not a length that starter can generate. Enter 2.12, or leave the cell empty, or choose another model "
            "in the column 'model'.",
        ),
        ("placements", "tiktok 60s", "has a length of 60 s, which starter cannot generate. Use 2.12s, or leave out"),
    ],
)
def test_a_card_says_how_to_fix_a_cell(tmp_path: Path, column: str, value: str, message: str):
    path = tmp_path / "sheet.csv"
    path.write_bytes(one(column, value))
    [problem] = check_table(read_table(path), [card_check(CARDS, "starter")]).problems
    assert problem.message.startswith(message)
    path.write_bytes(one(column, ""))
    assert check_table(read_table(path), [card_check(CARDS, "starter")]).problems == ()


@pytest.mark.parametrize("name", CARDS)
def test_the_durations_that_a_card_suggests_are_valid(name: str):
    card = CARDS[name]
    with pytest.raises(CardRuleError) as caught:
        card.frames_for(600)
    suggested = re.split(" to | or ", caught.value.args[0].partition("clips of ")[2].partition(" s")[0])
    assert [card.frames_for(parse_seconds(text)) for text in (suggested[0], suggested[-1])] == [
        card.frame_rules.min_frames,
        card.frame_rules.max_frames,
    ]


STOCK: list[tuple[str, str, str]] = [
    ("theme,tries\na cup,3\na cube,4\n", "Keep one of them", "theme,tries\na cup,3\na cube,\n"),
    ("theme,want,tries\na cup,4,3\n", "Raise the tries", "theme,want,tries\na cup,4,4\n"),
    ("theme,want,tries\na cup,4,3\n", "lower this value", "theme,want,tries\na cup,3,3\n"),
    ("theme,want,most\na cup,3,2\n", "Raise the total", "theme,want,most\na cup,3,3\n"),
    ("theme,want,most\na cup,3,2\n", "lower this value", "theme,want,most\na cup,2,2\n"),
    ("theme,prompt\na cup,{thme} rolls\n", "can use {theme}", "theme,prompt\na cup,{theme} rolls\n"),
    ("theme,prompt\na cup,{theme} {tries}\n", "can use {theme}", "theme,prompt\na cup,{theme}\n"),
    ("theme,shot,prompt\na cup,,{theme} {shot}\n", "Add values to it", "theme,shot,prompt\na cup,x,{theme} {shot}\n"),
    ("theme,shot,prompt\na cup,,{theme} {shot}\n", "remove it from", "theme,shot,prompt\na cup,,{theme}\n"),
    (
        "theme,light,prompt\na cup,at dawn,{theme}\n",
        "Use {light} in the prompt",
        "theme,light,prompt\na cup,at dawn,{theme} {light}\n",
    ),
    ("theme,light,prompt\na cup,at dawn,{theme}\n", "delete the column", "theme,prompt\na cup,{theme}\n"),
    (
        "theme,light\na cup,at dawn\n",
        "Use {light} in a column 'prompt'",
        "theme,light,prompt\na cup,at dawn,{theme} {light}\n",
    ),
    ("theme,first_frame\na cup,dog.png\n", "Delete the column", "theme\na cup\n"),
    ("theme,themes\na cup,a cube\n", "Move both lists to one column", "theme\na cup\na cube\n"),
    ("theme,,shot\na cup,lost,zooming in\n", "Add a header", "theme,mood,shot\na cup,lost,zooming in\n"),
    ("theme,,shot\na cup,lost,zooming in\n", "delete the value", "theme,,shot\na cup,,zooming in\n"),
    ("theme\na cup,zooming in\n", "in double quotes", 'theme\n"a cup,zooming in"\n'),
    ("prompt\na cup\n", "Add a column 'theme'", "prompt,theme\n{theme},a cup\n"),
    ("shot\nzooming in\n", "in a column 'prompt'", "shot,prompt\nzooming in,{shot} of a cup\n"),
    ("shot\nzooming in\n", "list the subjects in a column 'theme'", "shot,theme\nzooming in,a cup\n"),
    ("theme,prompt\na cup,\n", "", "theme,prompt\na cup,{theme}\n"),
    (
        "shot,prompt\nzooming in,\n",
        "in a column 'prompt'",
        "shot,prompt\nzooming in,{shot} of a cup\n",
    ),
]


@pytest.mark.parametrize(("text", "advice", "fixed"), STOCK)
def test_a_fixed_stock_sheet_is_valid(tmp_path: Path, text: str, advice: str, fixed: str):
    path = tmp_path / "stock.csv"
    path.write_text(text)
    problems = check_stock(read_table(path), [card_checks(CARDS, "starter")]).problems
    assert advice in " ".join(problem.sentence for problem in problems)
    path.write_text(fixed)
    assert [each.sentence for each in check_stock(read_table(path), [card_checks(CARDS, "starter")]).problems] == []


def test_a_prompt_that_is_too_long_is_not_split_at_its_commas(tmp_path: Path):
    path = tmp_path / "sheet.csv"
    path.write_bytes(lines("prompt;notes", "a cup, " * 300 + ";x"))
    [problem] = check_table(read_table(path)).problems
    assert problem.sentence.endswith(" has 2,099 characters. Shorten it to at most 2,000.")


class Case(NamedTuple):
    """A sheet, what its message suggests, and the sheets after each suggested fix."""

    sheet: bytes
    advice: str
    fixed: tuple[bytes, ...]


def csv_of(*rows: tuple[str, ...]) -> bytes:
    """Return a CSV file of the rows."""
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode()


def cell(header: str, wrong: str, advice: str, *fixed: tuple[str, str]) -> Case:
    """Return a case of one column and a valid prompt; a fix is a header with a value."""
    sheets = (csv_of(("prompt", head), (P, value)) if head else csv_of(("prompt",), (P,)) for head, value in fixed)
    return Case(csv_of(("prompt", header), (P, wrong)), advice, tuple(sheets))


def prompt(wrong: str, advice: str, *fixed: tuple[tuple[str, ...], ...], beside: tuple[str, str] = ("", "")) -> Case:
    """Return a case of a prompt; ``beside`` is the header and value of another column."""
    header, value = beside
    sheet = csv_of(("prompt", header), (wrong, value)) if header else csv_of(("prompt",), (wrong,))
    return Case(sheet, advice, tuple(csv_of(*rows) for rows in fixed))


RED = ("colour", "red")
CASES = (
    Case(
        csv_of(("prompt", "locale"), ("{locale} cup", "de,fr,it")),
        "For several locales, write de|fr|it",
        (csv_of(("prompt", "locale"), ("{locale} cup", "de|fr|it")),),
    ),
    Case(
        csv_of(("prompt", "colour"), ("a {colour} cup", "__colours__")),
        "Write __colours__ in the prompt",
        (csv_of(("prompt",), ("a __colours__ cup",)),),
    ),
    cell(
        "fallback", "starter", "Enter another model, or clear the cell", ("fallback", "starter-4step"), ("fallback", "")
    ),
    Case(
        csv_of(("prompt", "model", "min_adherence"), (P, "starter|ltx-video", "0.5")),
        "Clear the cell, so that each model uses its own threshold, or put the models into separate rows",
        (
            csv_of(("prompt", "model", "min_adherence"), (P, "starter|ltx-video", "")),
            csv_of(("prompt", "model", "min_adherence"), (P, "starter", "0.5"), (P, "ltx-video", "0.3")),
        ),
    ),
    prompt("a red circle " * 20, "starter reads only 32", (("prompt",), ("a red circle " * 9,))),
    Case(
        csv_of(("prompt", "model"), ("word " * 110, "ltx-video")),
        "may ignore the end",
        (csv_of(("prompt", "model"), ("word " * 40, "ltx-video")),),
    ),
    prompt(
        "a {red|green} ball",
        "put red|green into a column 'option'",
        (("prompt", "option"), ("a {option} ball", "red|green")),
    ),
    prompt(
        "a {red|{dark|light} blue} ball",
        "put red|dark|light|blue into",
        (("prompt", "option"), ("a {option}", "red|dark")),
    ),
    prompt(
        "a [cow|horse] runs",
        "put cow|horse into a column 'option'",
        (("prompt", "option"), ("a {option} runs", "cow|horse")),
    ),
    prompt("a {{colour}} ball", "write {colour}", (("prompt", "colour"), ("a {colour} ball", "red")), beside=RED),
    prompt("a ${colour} ball", "write {colour}", (("prompt", "colour"), ("a {colour} ball", "red")), beside=RED),
    prompt("a [colour] ball", "write {colour}", (("prompt", "colour"), ("a {colour} ball", "red")), beside=RED),
    prompt("{scene: red, camera: pan}", "write {{scene: red", (("prompt",), ("{{scene: red, camera: pan}}",))),
    prompt(
        "{'scene': 'a cup'}",
        "Correct it",
        (("prompt",), ('{"scene": "a cup"}',)),
        (("prompt",), ("{{'scene': 'a cup'}}",)),
    ),
    prompt(
        "a cup | 4k",
        "write \\| instead",
        (("prompt",), ("a cup \\| 4k",)),
        (("prompt", "axes"), ("a cup | 4k", "cartesian")),
    ),
    prompt("a __colors__ ball", "Did you mean __colours__", (("prompt",), ("a __colours__ ball",))),
    prompt("a __toys__ ball", "Create the file", (("prompt",), ("a _ _toys_ _ ball",))),
    prompt("a __empty__ ball", "Enter one value in each line", (("prompt",), ("a __colours__ ball",))),
    prompt("a __latin__ ball", "Save it as UTF-8", (("prompt",), ("a __colours__ ball",))),
    prompt("a __long__ ball", "Shorten the file", (("prompt",), ("a __colours__ ball",))),
    Case(
        csv_of(("prompt", "colour"), ("a {colour} ball", "red, green and blue")),
        "write red|green|blue",
        (csv_of(("prompt", "colour"), ("a {colour} ball", "red|green|blue")),),
    ),
    Case(
        csv_of(("prompt", "colour"), ("a ball", "red|blue")),
        "write {colour} in the prompt",
        (csv_of(("prompt", "colour"), ("a {colour} ball", "red|blue")),),
    ),
    Case(
        csv_of(("prompt", "variants", "seeds"), (P, "3", "1|2")),
        "Clear this cell, or enter only the first seed",
        (csv_of(("prompt", "variants", "seed"), (P, "", "1|2")), csv_of(("prompt", "variants", "seed"), (P, "3", "1"))),
    ),
    cell(
        "seeds", "42", "rename it to 'variants'; if it is not, rename it to 'seed'", ("variants", "42"), ("seed", "42")
    ),
    cell("seed", "1,234", "Write 1234 or 1|234", ("seed", "1234"), ("seed", "1|234")),
    prompt(
        "a red cup --ar 9:16 --v 6 --seed 12 --no green",
        "Remove them from the prompt. To use their values, put green into the column 'negative_prompt', 9:16 "
        "into the column 'placements' and 12 into the column 'seed'.",
        (("prompt", "negative_prompt", "placements", "seed"), ("a red cup", "green", "9:16", "12")),
    ),
    prompt(
        "a (red:1.2) cup",
        "Remove it from the prompt. Keep the words of a weight, without its number.",
        (("prompt",), ("a red cup",)),
    ),
    Case(
        csv_of(("prompt", "aspect"), ("a cup", "1:1"), ("a cube", "1:1"), ("Spring", "")),
        "is used as a prompt. If it is a heading",
        (
            csv_of(("prompt", "aspect"), ("a cup", "1:1"), ("a cube", "1:1")),
            csv_of(("prompt", "aspect"), ("a cup", "1:1"), ("a cube", "1:1"), ("# Spring", "")),
        ),
    ),
    cell("qty", "3", "If it is the number of clips, rename it to 'variants'", ("variants", "3")),
    Case(
        csv_of(("Prompt (max 200 characters)", "aspect"), ("a cup", "1:1")),
        "If 'Prompt (max 200 characters)' contains the prompts, rename it to 'prompt'",
        (csv_of(("prompt", "aspect"), ("a cup", "1:1")),),
    ),
    cell("seed", "2,000", "thousands. Write 2000.", ("seed", "2000")),
    cell("seed", "1-5", "Write 1|2|3|4|5.", ("seed", "1|2|3|4|5")),
    Case(
        csv_of(("prompt", "seed"), (P, "11 to 310")),
        "Enter only the first seed, 11, and 300 in a column 'variants'",
        (csv_of(("prompt", "seed", "variants"), (P, "11", "300")),),
    ),
    cell("seed", "auto", "Clear the cell: the seed", ("seed", "")),
    cell("min_adherence", "60", "enter 60% or 0.6", ("min_adherence", "60%"), ("min_adherence", "0.6")),
    cell("model", "ltx", "Did you mean ltx-2", ("model", "ltx-2"), ("model", "ltx-video")),
    Case(
        csv_of(("prompt", "colour", "Colour"), ("a {Colour} ball", "red", "blue")),
        "Rename one of them",
        (csv_of(("prompt", "colour", "Colour 2"), ("a {Colour 2} ball", "red", "blue")),),
    ),
    prompt(
        "a {red|blue} cup on a {white|black} table",
        "put white|black into a column 'option 2'",
        (("prompt", "option 1", "option 2"), ("a {option 1} cup on a {option 2} table", "red|blue", "white|black")),
    ),
    prompt(
        "a red|blue cup on a table",
        "put red|blue into a column 'option'",
        (("prompt", "option"), ("a {option} cup on a table", "red|blue")),
    ),
    cell("exclude", "x", "clear the cell", ("exclude", ""), ("negative_prompt", "x")),
    cell("exclude", "FALSE", "Clear the cell", ("exclude", "")),
    cell("reference", "a.png", "'Attachment'", ("Attachment", "a.png")),
    cell(
        "brief",
        "a cup on a white table",
        "to 'Briefing'",
        ("brief_id", "a cup on a white table"),
        ("Briefing", "a cup on a table"),
    ),
    cell("format", "mp4", "'File type'", ("File type", "mp4"), ("placements", "16:9")),
    cell("format", "wide", "'File type'", ("File type", "wide")),
    cell("length", str(len(P)), "'Prompt size'", ("Prompt size", "12")),
    cell("threshold", "0.3", "'min_adherence'", ("min_adherence", "0.3"), ("Other score", "0.3")),
    cell("takes", "3", "'Take no'", ("variants", "3"), ("Take no", "3")),
    cell("variations", "many", "'Wording'", ("Wording", "many"), ("variants", "3")),
    cell("stop after", "1", "to 'want'", ("want", "1"), ("Stops at", "1")),
    cell("want_scope", "row", "Use combination", ("want_scope", "combination"), ("want_scope", "brief")),
    cell("axes", "pairs", "pairwise", ("axes", "pairwise"), ("axes", "zip"), ("axes", "cartesian")),
    cell("aspect", "portrait", "or another one that the model makes", ("aspect", "9:16"), ("aspect", "16:9")),
    cell("aspect", "7:3", "Use 16:9, 9:16 or 1:1", ("aspect", "16:9")),
    cell("aspect", "tiktoc", "Did you mean tiktok", ("aspect", "tiktok")),
    cell("aspect", "4:5", "Use 1:1, which is nearest, or 16:9 or 9:16", ("aspect", "1:1"), ("aspect", "9:16")),
    cell("aspect", "16:9 and 1:1", "Write 16:9|1:1", ("aspect", "16:9|1:1")),
    cell("model", "start", "Did you mean starter", ("model", "starter")),
    cell("model", "starter, starter", "Separate several models with |", ("model", "starter|starter")),
    cell("model", "imagen", "Use starter", ("model", "starter"), ("model", "")),
    cell(
        "model",
        "sora-2",
        "Use gemini-omni-1.2-flash, seedance-2.5 or pika-2.2 instead",
        *(("model", name) for name in ("gemini-omni-1.2-flash", "seedance-2.5", "pika-2.2")),
    ),
    cell("model", "Sora", "Use gemini-omni-1.2-flash", ("model", "gemini-omni-1.2-flash")),
    cell("min_adherence", "25", "for example 0.25", ("min_adherence", "0.25"), ("min_adherence", "25%")),
    cell("duration_s", "60", "Enter 2.12", ("duration_s", "2.12"), ("duration_s", "")),
    cell("duration_s", "long", "Enter a number of seconds", ("duration_s", "")),
    cell("aspect", "tiktok 60s", "Use 2.12s", ("aspect", "tiktok 2.12s"), ("aspect", "tiktok")),
    cell("wnat", "1", "Did you mean 'want'", ("want", "1")),
    Case(
        csv_of(("prompt", "model", "first_frame"), (P, "svd-xt", "https://example.com/a.png")),
        "Save the picture in the sheet's folder",
        (csv_of(("prompt", "model", "first_frame"), (P, "starter", "")),),
    ),
    cell("first_frame", "nowhere.png", "Clear the cell", ("first_frame", "")),
    cell("model", "svd-xt", "use a model that generates clips from text", ("model", "starter")),
    Case(
        csv_of(("prompt", "model", "first_frame"), (P, "svd-xt", "a.png; b.png")),
        "Separate several pictures with |",
        (csv_of(("prompt", "model", "first_frame"), (P, "starter", "")),),
    ),
    Case(
        csv_of(("prompt", "want", "aspect"), (P, "2", "16:9|1:1")),
        "Lower it to 1, raise variants, or enter brief",
        (
            csv_of(("prompt", "want", "aspect"), (P, "1", "16:9|1:1")),
            csv_of(("prompt", "want", "aspect", "variants"), (P, "2", "16:9|1:1", "2")),
            csv_of(("prompt", "want", "aspect", "want_scope"), (P, "2", "16:9|1:1", "brief")),
        ),
    ),
    Case(
        csv_of(("prompt", "a", "b", "c", "axes"), ("{a}{b}{c}", *["|".join(map(str, range(101)))] * 3, "pairwise")),
        "Shorten the columns",
        (csv_of(("prompt", "a", "b", "c", "axes"), ("{a}{b}{c}", *["|".join(map(str, range(9)))] * 3, "pairwise")),),
    ),
    Case(
        csv_of(("prompt", "Client", "Client"), (P, "a", "b")),
        "Rename it to keep it",
        (csv_of(("prompt", "Client", "Client 2"), (P, "a", "b")),),
    ),
    Case(
        csv_of(("prompt", "placements", "placment"), (P, "", "x")),
        "delete one of them",
        (csv_of(("prompt", "placements"), (P, "")),),
    ),
    Case(workbook([["prompt"], [P, "stray"]]), "Add a header", (workbook([["prompt", "Client"], [P, "stray"]]),)),
    Case(
        csv_of(("prompt", "theme"), ("{{theme}}", "x")),
        "write {theme}",
        (csv_of(("prompt", "theme"), ("{theme}", "x")),),
    ),
    *(Case(*case) for case in FINISHED),
)


def findings_of(folder: Path, data: bytes) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings of a sheet in a folder with lists, checked against the cards."""
    lists = folder / "wildcards"
    lists.mkdir(exist_ok=True)
    (lists / "colours.txt").write_text("red\nblue\n")
    (lists / "empty.txt").write_text("# nothing\n")
    (lists / "latin.txt").write_bytes("grün".encode("cp1252"))
    (lists / "long.txt").write_text("\n".join(map(str, range(10_001))))
    path = folder / ("sheet.xlsx" if data.startswith(b"PK") else "sheet.csv")
    path.write_bytes(data)
    checked = validate_sheet(
        path,
        CARDS,
        "starter",
        lengths=PromptLengths(CARDS, SCORERS, "starter"),
        finishing=finishing_in(folder),
    ).checked
    ignored = "not in the vocabulary"
    warnings = [warning.sentence for warning in checked.warnings if ignored not in warning.sentence]
    return [problem.sentence for problem in checked.problems], warnings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.advice)
def test_the_fix_of_an_error_or_a_warning_removes_it(tmp_path: Path, case: Case):
    errors, warnings = findings_of(tmp_path, case.sheet)
    assert any(case.advice in sentence for sentence in (*errors, *warnings)), (errors, warnings)
    for data in case.fixed:
        after = findings_of(tmp_path, data)
        assert after[0] == []
        assert not any(case.advice in sentence for sentence in after[1])


def test_a_wildcard_is_found_after_its_file_is_created(tmp_path: Path):
    sheet = csv_of(("prompt",), ("a __toys__ ball",))
    [error], _ = findings_of(tmp_path, sheet)
    (found,) = re.findall(r"Create the file '([^']+)'", error)
    Path(found).write_text("wooden\nrubber\n")
    assert findings_of(tmp_path, sheet) == ([], [])


FIX = re.compile(
    r"\b(Use|Enter|Write|[Pp]ut|Add|Remove|Delete|Rename|rename it|Shorten|Give|Clear|Lower|Fix|Open|Save|Choose|Raise|"
    r"Did you mean|Separate|Split|Correct|Create|Check|Move|Keep|For a clip of each value, write)\b"
)
"""Words with which a message suggests a fix."""
SOURCES = (
    *sorted(Path("manifests/sheet").glob("*.py")),
    *sorted(Path("manifests/sheet/doubts").glob("*.py")),
    Path("manifests/placement.py"),
    *sorted(Path("tasks/intake").rglob("*.py")),
)
NOT_IN_A_SHEET = {
    "where the licence of … does not allow its clips to be shown",  # tests/unit/test_licence_territories.py
    "cannot be used: … …. …",  # tests/unit/test_picture_columns.py
    # tests/unit/test_continued_clips.py:
    "is the id of a clip that is not stored on this machine",
    "is a URL. Save the clip",
    "is not a file…. Enter the path of an MP4 file",
    "is larger than … MiB. Enter a shorter clip",
    "is not a readable video",
    "continues clips of at least",
    "cannot be continued: …",
    "cannot be combined with a first frame",
    "There is no model",
    "The sheet … has no rows",
    "Fix the errors; no row is valid",
    "this sheet has no folder of lists",  # tests/unit/test_wildcards.py
    "is larger than … MB",  # a watched sheet
    "pictures of watched sheets may have … MB",  # tests/security/test_failure_messages.py
    "watched sheets may use …",  # tests/security/test_failure_messages.py
    "has an invalid Content Credential",  # tests/unit/test_first_frames.py
    "cannot be read (…)",  # a damaged picture or a list without permission
    "is a path on another machine",  # tests/unit/test_uploaded_sheets.py
    "Save it in the sheet's folder, or upload it",
    "Enter its path relative to the folder",  # tests/unit/test_first_frames.py
    "Use a larger picture",  # tests/unit/test_first_frames.py
    "Use a picture with this aspect ratio",
    "the lists give … combinations",  # tests/unit/test_stock_sheet.py
    # Pictures and sheets from other machines: tests/unit/test_remote_pictures.py and test_sheet_link.py
    "Save it in the sheet's folder, upload it",
    "is an embedded picture",
    "is the URL of a local file",
    "is a URL without a scheme",
    "contains several URLs",
    "cannot be downloaded. Use an https://",
    "Open the picture alone in the browser",
    "is a file of the type …, not a picture",
    "is … file. Save it as PNG",
    "does not exist in the bucket …",
    "is in a location that sheets from other machines may not read",
    "is not the URL of an object",
    "is a web page, not a sheet",
    "is empty. Check the link.",
    "Use a link to a file that ends with",
    # Sheets in a bucket: tests/flow/test_failed_runs.py
    "There is no … '…'…. Check its name",
    "names no sheet",
    "' is larger than … MiB",
    "that may be longer than the … tokens",  # the summary of a warning in CASES
    "have a short text as the prompt",  # the summary of a warning in CASES
    "have several values in the column",  # the summary of a warning in CASES
    # Limits of hosted models: tests/unit/test_hosted_limits.py
    "does not support negative prompts. Clear the cell",
    "have a negative prompt, which … does not support",
    "characters, but … accepts at most",
    "have prompts that exceed the … characters",
    # Finishing: tests/unit/test_finish_intake.py, and summaries of warnings in FINISHED
    "have no text for {{…}}, which the template",
    "have no text of '…' for …, so that of the first locale is used",
    "… does not speak …. Enter auto; to choose a voice for each language",
    "There is no voice …. Use …",
    "Enter auto there, and name the voice of each language in brand.yaml",
    "let this caption end later",
    "use another voice, whose speed decides the times",
    "make the video longer, such as 16:9 8s",
    "takes … s to speak, but … has at most",
    "The brand kit … does not exist",
    "is neither in the brand kit nor a mood. Did you mean",
    "is not read. Did you mean …? Rename",
    "as docs/finishing.md shows, or choose a file with the setting brand",
}
"""Messages whose fix is not a change of the sheet's cells, or that another test covers."""


def messages_of(path: Path) -> Iterator[str]:
    """Yield the texts in a file that suggest a fix; ``…`` stands for what is filled in."""
    tree = ast.parse(path.read_text())
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    skipped |= {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            text = node.value
        else:
            continue
        if len(text) > 15 and FIX.search(text):
            yield text


def test_the_fix_of_every_message_is_tested(tmp_path: Path):
    cases = {sheet.case: sheet for sheet in (*FILES, *HEADERS, *PROMPTS, *PLACEMENTS, *NUMBERS, *ROWS)}
    tested = [sentence for case in FIXED for sentence in cases[case].says]
    for case in CASES:
        tested += [sentence for found in findings_of(tmp_path, case.sheet) for sentence in found]
    for text, _, _ in STOCK:
        (tmp_path / "stock.csv").write_text(text)
        checked = check_stock(read_table(tmp_path / "stock.csv"), [card_checks(CARDS, "starter")])
        tested += [problem.sentence for problem in checked.problems]
    root = Path(__file__).parents[2]
    messages = [text for path in SOURCES if path.name != "columns.py" for text in messages_of(root / path)]
    assert len(messages) > 60
    untested = [
        text
        for text in messages
        if not any(re.search(".*".join(map(re.escape, text.split("…"))), sentence, re.DOTALL) for sentence in tested)
        and not any(known in text for known in NOT_IN_A_SHEET)
    ]
    assert not untested, "Add a case with the fix to CASES: " + "\n".join(untested)
