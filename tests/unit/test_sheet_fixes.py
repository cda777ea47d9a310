"""The fixes that messages suggest work: each fixed sheet is valid."""

import re
from pathlib import Path

import pytest
from sheets.bad import FILES, HEADERS, NUMBERS, PLACEMENTS, PROMPTS, ROWS, P, one
from sheets.making import lines, workbook

from adapters.sheets import read_table
from manifests.errors import CardRuleError
from manifests.placement import ASPECT_RATIOS, CHANNELS
from manifests.sheet import check_table
from manifests.sheet.cells import parse_seconds
from manifests.sheet.stock_check import check_stock
from models.registry import load_cards
from tasks.intake.intake import card_check
from tasks.stock.stock_sheet import card_checks

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

CARDS = load_cards()


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
            "sora",
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
    suggested = caught.value.args[0].partition("clips of ")[2].partition(" s")[0].split(" to ")
    assert [card.frames_for(parse_seconds(text)) for text in (suggested[0], suggested[-1])] == [
        card.rules.min_frames,
        card.rules.max_frames,
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
