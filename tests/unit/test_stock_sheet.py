"""Stock sheets: their lists, and one message per problem."""

from pathlib import Path

import pytest

from adapters.sheets import read_table
from manifests.nightly.stock import StockSheet
from manifests.placement import Placement
from manifests.sheet.stock.check import CheckedStock, check_stock
from models.registry import load_cards
from tasks.plan.expand import expand
from tasks.stock.stock_sheet import card_checks

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

EXAMPLE = Path(__file__).parents[2] / "examples" / "stock.csv"


def checked(tmp_path: Path, text: str) -> CheckedStock:
    path = tmp_path / "stock.csv"
    path.write_text(text)
    return check_stock(read_table(path), [card_checks(load_cards(()), "starter")])


def good(tmp_path: Path, text: str) -> StockSheet:
    found = checked(tmp_path, text)
    assert found.problems == ()
    assert found.sheet is not None
    return found.sheet


def sentences(tmp_path: Path, text: str) -> list[str]:
    found = checked(tmp_path, text)
    assert (found.sheet is None) == bool(found.problems)
    return [problem.sentence for problem in found.problems]


def test_the_example_lists_twelve_combinations_of_three_columns():
    found = check_stock(read_table(EXAMPLE), [card_checks(load_cards(()), "starter")])
    assert found.problems == found.warnings == ()
    sheet = found.sheet
    assert (sheet.size, sheet.tries, sheet.want, sheet.most, sheet.nightly) == (12, 2, 1, 1, 12)
    assert len(sheet.named()) == 12
    planned = list(expand([sheet.brief(each) for each in sheet.combinations()], load_cards(()), "starter"))
    assert planned[0].variant.prompt == "a red circle drifting left on a white background"
    assert len({item.variant.prompt for item in planned}) == 12


def test_columns_are_lists_of_independent_length(tmp_path):
    sheet = good(tmp_path, "theme,shot,mood\na red circle,zooming in,calm\na blue cube,,\npink waves,,\n")
    assert [len(sheet.axes[name]) for name in ("theme", "shot", "mood")] == [3, 1, 1]
    assert sheet.prompt == "{mood} {shot} of {theme}"
    themes = [dict(each.values)["theme"] for each in sheet.combinations()]
    assert themes == ["a red circle", "a blue cube", "pink waves"]


@pytest.mark.parametrize(
    ("header", "prompt"),
    [
        ("theme", "{theme}"),
        ("theme,mood", "{mood} {theme}"),
        ("theme,shot", "{shot} of {theme}"),
        ("Themes,Shots,Moods", "{mood} {shot} of {theme}"),
    ],
)
def test_without_a_prompt_the_default_is_used(tmp_path, header, prompt):
    assert good(tmp_path, f"{header}\n{','.join(['a red circle'] * len(header.split(',')))}\n").prompt == prompt


def test_a_cell_can_contain_several_values(tmp_path):
    sheet = good(tmp_path, "theme,placements\na red circle|a blue cube,16:9|1:1\n")
    assert sheet.size == 4
    assert sheet.placements == (Placement("generic", "16:9"), Placement("generic", "1:1"))


def test_the_prompt_names_custom_lists(tmp_path):
    sheet = good(tmp_path, "product,light,prompt\na cup,at dawn,{product} {light}\na shoe,at noon,\n")
    assert list(sheet.axes) == ["product", "light"]
    assert sheet.size == 4


def test_a_duplicate_value_counts_once_and_gives_a_warning(tmp_path):
    found = checked(tmp_path, "theme\na red circle\nA red circle\n")
    assert found.sheet.size == 1
    assert "Row 3, column A 'theme': 'A red circle' is already listed in row 2. It counts only once." in [
        warning.sentence for warning in found.warnings
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("theme,tries\na red circle,none\n", "Row 2, column B 'tries': 'none' "),
        ("theme,tries\na red circle,0\n", "Row 2, column B 'tries': '0' "),
        ("theme,placements\na red circle,7:3\n", "Row 2, column B 'placements': '7:3' "),
        (
            "theme,model\na red circle,nosuch\n",
            "Row 2, column B 'model': 'nosuch' is not a known model. Use starter or another ",
        ),
        (
            "theme,duration_s\na red circle,900\n",
            "Row 2, column B 'duration_s': '900' is out of range. Enter a number of seconds that the model ",
        ),
        (
            "theme,duration_s\na red circle,60\n",
            "Row 2, column B 'duration_s': '60' is not a length that starter can generate. Enter 2.12, or ",
        ),
        (
            "theme,tries\na red circle,3\na blue cube,4\n",
            "Row 3, column B 'tries': '4' is a second value for tries, after '3' in row 2.",
        ),
        (
            "theme,want,tries\na red circle,4,3\n",
            "Row 2, column B 'want': '4' is more than the number of tries per night (3).",
        ),
        (
            "theme,want,most\na red circle,3,2\n",
            "Row 2, column B 'want': '3' is more than the total number of clips (2).",
        ),
        (
            "theme,prompt\na red circle,{thme} rolls\n",
            "Row 2, column B 'prompt': '{thme}' is not a column of this sheet. The prompt can use {theme}.",
        ),
        (
            "theme,light,prompt\na red circle,at dawn,{theme} rolls\n",
            "Row 1, column B 'light' is not used in the prompt. Use {light} in the prompt",
        ),
        (
            "theme,cta,prompt\na red circle,Buy now,{theme} rolls\n",
            "Row 1, column B 'cta' is not used in the prompt. Use {cta} in the prompt",
        ),
        (
            "theme,first_frame\na red circle,dog.png\n",
            "Row 1, column B 'first_frame' is not supported in a stock sheet: stock footage does not start from a "
            "picture",
        ),
        (
            "theme,themes\na red circle,a blue cube\n",
            "Row 1, column B 'themes' means theme, and so does column A 'theme'.",
        ),
        ("theme,,shot\na red circle,lost,zooming in\n", "Row 2, column B: 'lost' is in a column without a header."),
        ("theme\na red circle,zooming in\n", "Row 2: the row has 2 cells, but the header has 1."),
        ("prompt\na red circle\n", "there is no list of values. Add a column 'theme'"),
        (
            "shot\nzooming in\n",
            "the sheet has no prompt. Enter a template such as '{mood} {shot} of {theme}' in a column 'prompt'",
        ),
    ],
)
def test_a_problem_is_one_sentence_with_its_cell(tmp_path, text, sentence):
    found = sentences(tmp_path, text)
    assert len(found) == 1, found
    assert sentence in found[0]


def test_all_problems_are_reported_at_once(tmp_path):
    assert len(sentences(tmp_path, "theme,tries,placements,model\na red circle,many,7:3,nosuch\n")) == 3


def test_too_many_combinations_are_refused_with_the_lengths_of_the_lists(tmp_path):
    lines = "\n".join(f"theme {index},shot {index}" for index in range(317))
    found = sentences(tmp_path, f"theme,shot\n{lines}\n")
    assert len(found) == 1
    assert "the lists give 100,489 combinations (317 theme × 317 shot), but at most 100,000 are allowed" in found[0]


def test_names_of_combinations_do_not_change_when_the_sheet_grows(tmp_path):
    before = good(tmp_path, "theme,shot\na red circle,zooming in\na blue cube,drifting left\n").named()
    after = good(tmp_path, "theme,shot\npink waves,drifting left\na red circle,zooming in\na blue cube,\n").named()
    assert before.keys() < after.keys()


def test_a_row_that_cannot_be_read_is_an_error(tmp_path):
    found = checked(tmp_path, 'theme,shot\na cup,zooming in\n"a cube,panning\na ball,still\n')
    assert found.sheet is None
    assert [(problem.row, problem.message) for problem in found.problems] == [
        (3, "has an unclosed double quote. Close it, or delete it.")
    ]
