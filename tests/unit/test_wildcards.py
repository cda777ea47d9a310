"""Lists in files in the folder of the sheet, for ``__name__`` in prompts."""

import os
from pathlib import Path

import pytest

from models.registry import load_cards
from tasks.intake.intake import Intake, validate_sheet
from tasks.intake.wildcards import MAX_BYTES, WildcardLists
from tasks.plan.expand import expand

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CARDS = load_cards()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lists = tmp_path / "sheets" / "wildcards"
    (lists / "animals").mkdir(parents=True)
    (lists / "colours.txt").write_bytes("\ufeff# colours\nred\n\n  blue  \nred\n".encode())
    (lists / "animals" / "cats.txt").write_text("tiger\nlion\n")
    (tmp_path / "secret.txt").write_text("secret\n")
    return lists.parent


def read(folder: Path, *prompts: str, confined: bool = False) -> Intake:
    (folder / "sheet.csv").write_text("\n".join(["prompt;notes", *(f"{prompt};x" for prompt in prompts)]))
    return validate_sheet(folder / "sheet.csv", CARDS, "starter", confined=confined)


def prompts_of(intake: Intake) -> list[str]:
    assert [problem.sentence for problem in intake.checked.problems] == []
    return [item.variant.prompt for item in expand(intake.checked.briefs, CARDS, "starter")]


@pytest.mark.parametrize("prompt", ["a __colours__ cup", "a {__colours__} cup"])
def test_each_line_gives_a_clip(folder, prompt):
    assert prompts_of(read(folder, prompt)) == ["a red cup", "a blue cup"]


def test_lists_combine_and_can_be_in_folders(folder):
    assert len(prompts_of(read(folder, "a __colours__ __animals/cats__ on __colours__"))) == 4


def test_the_value_is_a_label(folder):
    planned = expand(read(folder, "a __colours__ cup").checked.briefs, CARDS, "starter")
    assert [dict(item.labels) for item in planned] == [{"__colours__": "red"}, {"__colours__": "blue"}]


def test_changing_a_list_gives_another_campaign(folder):
    first = read(folder, "a __colours__ cup").campaign.campaign_id
    assert read(folder, "a __colours__ cup").campaign.campaign_id == first
    (folder / "wildcards" / "colours.txt").write_text("pink\n")
    assert read(folder, "a __colours__ cup").campaign.campaign_id != first


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a __colors__ cup", "'__colors__' is not a list. Did you mean __colours__?"),
        ("a __toys__ cup", "is not a list. Create the file"),
        ("a __../../secret__ cup", "is not a list"),
        ("a __*__ cup", "is not a list"),
        ("a __notes__ cup", "To insert the column, write {notes}."),
    ],
)
def test_a_missing_list_is_an_error(folder, prompt, message):
    [problem] = read(folder, prompt).checked.problems
    assert message in problem.sentence


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "animals/../../../secret", "..", "a/..", "./../secret"])
@pytest.mark.parametrize("confined", [False, True])
def test_no_name_leads_out_of_the_folder(folder, name, confined):
    with pytest.raises(ValueError, match=r"is not a list|cannot be used"):
        WildcardLists(folder, confined=confined)(name)


def test_links_are_followed_only_for_the_users_own_sheets(folder, tmp_path):
    os.symlink(tmp_path / "secret.txt", folder / "wildcards" / "linked.txt")
    assert WildcardLists(folder)("linked") == ("secret",)
    with pytest.raises(ValueError, match=r"Put the values into a column 'linked', and write {linked} instead"):
        WildcardLists(folder, confined=True)("linked")


def test_a_linked_folder_is_not_followed_for_uploads(tmp_path, folder):
    upload = tmp_path / "upload"
    upload.mkdir()
    os.symlink(folder / "wildcards", upload / "wildcards")
    with pytest.raises(ValueError, match="cannot be used"):
        WildcardLists(upload, confined=True)("colours")


def test_an_uploaded_sheet_does_not_show_internal_folders(folder):
    [problem] = read(folder, "a __toys__ cup", confined=True).checked.problems
    assert problem.message.endswith("Put the values into a column 'toys', and write {toys} instead.")
    assert str(folder) not in problem.sentence


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        ("grün".encode("cp1252"), "is not UTF-8 text"),
        (b"x" * (MAX_BYTES + 1), "has more than"),
        (b"a\x00b", "contains an invisible control character"),
    ],
)
def test_an_unusable_list_is_an_error(folder, content, message):
    (folder / "wildcards" / "bad.txt").write_bytes(content)
    [problem] = read(folder, "a __bad__ cup").checked.problems
    assert message in problem.sentence


def test_words_with_underscores_are_text(folder):
    assert prompts_of(read(folder, "a snake_case file_name and a_ _b")) == ["a snake_case file_name and a_ _b"]
