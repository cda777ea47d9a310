"""Sheets are checked against what providers accept: long prompts, negative prompts, seeds and last frames."""

import pytest
from hosted_samples import hosted_card

from manifests.sheet.reading import ReadingOptions
from models.registry import load_cards
from tasks.intake.hosted_limits import utf16_units
from tasks.intake.intake import Intake, validate_sheet

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")


def check(tmp_path, *lines: str, **changes) -> Intake:
    sheet = tmp_path / "spring.csv"
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    card = hosted_card(**{"max_prompt_chars": 20, "takes_seed": False, **changes})
    cards = {**load_cards(), card.name: card}
    return validate_sheet(sheet, cards, card.name, reading=ReadingOptions())


def errors(intake: Intake) -> list[str]:
    return [problem.sentence for problem in intake.checked.problems]


def warnings(intake: Intake) -> list[str]:
    return [warning.sentence for warning in intake.checked.warnings]


def test_a_prompt_that_the_provider_would_refuse_is_an_error(tmp_path):
    (error,) = errors(check(tmp_path, "prompt", "a red cup that turns round"))
    assert "has 26 characters, but acme-video-1 accepts at most 20. Shorten the text." in error
    assert errors(check(tmp_path, "prompt", "a red cup that turns")) == []
    assert errors(check(tmp_path, "prompt", "a red cup that turns round", max_prompt_chars=None)) == []


def test_most_emoji_count_as_two_characters(tmp_path):
    assert utf16_units("a\N{PARTY POPPER}é") == 4
    assert errors(check(tmp_path, "prompt", "\N{PARTY POPPER}" * 10)) == []
    assert "has 22 characters" in errors(check(tmp_path, "prompt", "\N{PARTY POPPER}" * 11))[0]


def test_values_of_columns_count(tmp_path):
    assert "has 24 characters" in errors(check(tmp_path, "prompt,thing", "a {thing} turns,cup|big shiny teapot"))[0]


def test_a_negative_prompt_that_is_not_sent_is_a_warning(tmp_path):
    (warning,) = warnings(check(tmp_path, "prompt,negative prompt", "a red cup,blurry"))
    assert "is not used, because acme-video-1 does not support negative prompts." in warning
    assert warnings(check(tmp_path, "prompt,negative prompt", "a cup,blurry", supports_negative_prompt=True)) == []


def test_seeds_that_the_provider_does_not_use_are_a_warning(tmp_path):
    (warning,) = warnings(check(tmp_path, "prompt,seed", "a red cup,7"))
    assert "is only the number of the take, because acme-video-1 does not support seeds" in warning
    assert warnings(check(tmp_path, "prompt,seed", "a red cup,7", takes_seed=True)) == []
    assert warnings(check(tmp_path, "prompt", "a red cup")) == []


def test_a_local_model_has_no_such_limits(tmp_path):
    intake = check(tmp_path, "prompt,seed,model", "a red circle on a white background,7,starter")
    assert errors(intake) == []
    assert [each for each in warnings(intake) if "take" in each] == []


def test_a_last_frame_is_accepted_by_cards_that_say_so(tmp_path):
    from PIL import Image

    for name in ("first.png", "last.png"):
        Image.new("RGB", (1280, 720), "red").save(tmp_path / name)
    lines = ("prompt,first frame,last frame", "a red cup,first.png,last.png")
    kind = "hosted-image-to-video"
    (error,) = errors(check(tmp_path, *lines, kind=kind))
    assert "last" in error
    assert errors(check(tmp_path, *lines, kind=kind, accepts=["last_frame"])) == []
