"""Warnings about prompts that are longer than a model or its scorer reads, and the line on how a sheet was read."""

import pytest

from manifests.sheet.reading import ReadingOptions
from models.registry import load_cards, load_scorer_cards
from tasks.intake.intake import Intake, validate_sheet
from tasks.intake.prompt_length import MAX_FILLED, PromptLengths
from tasks.intake.reading_line import reading_line

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

LONG_TAIL = (
    "A blue cup zooming in on a white background, cinematic, premium, elegant, modern, calm, smooth, high quality, for "
    "the spring sale, in the style of our brand, with soft light; instead of the cup show a red circle drifting right"
)


def check(tmp_path, *lines: str, weights_root=None) -> Intake:
    sheet = tmp_path / "spring.csv"
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    cards = load_cards()
    lengths = PromptLengths(cards, load_scorer_cards(), "starter", weights_root)
    return validate_sheet(sheet, cards, "starter", reading=ReadingOptions(), lengths=lengths)


def about_length(intake: Intake) -> list[str]:
    return [warning.sentence for warning in intake.checked.warnings if " tokens, " in warning.message]


def test_the_words_that_a_model_and_its_scorer_ignore_are_named(tmp_path):
    """Case 02, longtail.csv: the clip showed a blue cup and passed, since the scorer also read only the first part."""
    intake = check(tmp_path, "brief_id,prompt", f'a,"{LONG_TAIL}"')
    model, scorer = about_length(intake)
    assert "has 41 tokens, but starter reads only 32, so it ignores 'of the cup show a red circle" in model
    assert "but starter-openclip, which scores the clips of starter, reads only 32" in scorer
    assert len(intake.checked.briefs) == 1


def test_a_shortened_prompt_draws_no_warning(tmp_path):
    shortened = LONG_TAIL.partition(" of the cup")[0]
    assert not about_length(check(tmp_path, "prompt", f'"{shortened}"'))


def test_the_scorer_of_another_model_has_its_own_limit(tmp_path):
    prompt = "A cinematic tracking shot follows a watchmaker through a sunlit atelier filled with brass gears " * 6
    warnings = about_length(check(tmp_path, "prompt,model", f"{prompt},wan2.1-t2v-1.3b"))
    assert len(warnings) == 1
    assert "openclip-vit-b-32, which scores the clips of wan2.1-t2v-1.3b, reads only 77" in warnings[0]


def test_values_of_columns_count(tmp_path):
    filler = "calm " * 25
    intake = check(tmp_path, "prompt,thing", f"a {{thing}} {filler},cup|red cup moving slowly to the left side")
    assert len(about_length(intake)) == 2
    assert not about_length(check(tmp_path, "prompt,thing", f"a {{thing}} {filler},cup|ball"))


def test_the_longest_of_many_combinations_is_measured(tmp_path):
    values = "|".join([f"ball{number}" for number in range(MAX_FILLED)] + ["very " * 30 + "round ball"])
    assert about_length(check(tmp_path, "prompt,thing", f"a {{thing}},{values}"))


def test_negative_prompts_are_measured_for_the_model_only(tmp_path):
    warnings = about_length(check(tmp_path, "prompt,negative prompt", f"a red circle,{'blue cup ' * 30}"))
    assert len(warnings) == 1
    assert "starter reads only 32" in warnings[0]


def test_without_the_tokenizer_a_long_prompt_is_a_doubt(tmp_path):
    prompt = " ".join(["word"] * 110)
    warnings = about_length(check(tmp_path, "prompt,model", f"{prompt},ltx-video", weights_root=tmp_path))
    assert any(
        "has 110 words, and ltx-video reads only 128 tokens, so it may ignore the end" in each for each in warnings
    )


@pytest.mark.parametrize(
    ("lines", "longest"),
    [
        (("prompt", "a red circle"), "The longest prompt (row 2) has 4 tokens; starter reads 32."),
        (("prompt,model", "a cup,svd-xt"), "The longest prompt (row 2) has 4 tokens; openclip-vit-b-32 reads 77."),
    ],
)
def test_one_line_says_how_the_sheet_was_read(tmp_path, lines, longest):
    line = reading_line(check(tmp_path, *lines))
    assert line.startswith("Read spring.csv: CSV")
    assert line.endswith(f"1 row. {longest}")
