"""What headers and cells mean: seeds, other tools' syntax, JSON, lists, direction marks, wildcards, carried values."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.brief import Brief
from manifests.sheet import Checked, Row, Table, check_table
from manifests.sheet.cells import bracketed, parts
from manifests.sheet.columns import COLUMNS, typo_of
from manifests.sheet.prompt_template import fill
from models.registry import load_cards
from tasks.intake.intake import card_check
from tasks.plan.expand import expand

CARDS = load_cards()


def checked(headers: list[str], *rows: list[str], **settings) -> Checked:
    numbered = tuple(Row(number, tuple(row)) for number, row in enumerate(rows, 2))
    return check_table(Table(Path("plan.xlsx"), "plan", "ab" * 32, tuple(headers), 1, numbered, tab="x"), **settings)


def one(headers: list[str], row: list[str], **settings) -> Brief:
    found = checked(headers, row, **settings)
    assert [problem.sentence for problem in found.problems] == []
    return found.briefs[0]


def said(found: Checked) -> str:
    return "\n".join(problem.sentence for problem in (*found.problems, *found.warnings))


# Seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("42", [42]), ("1234", [1234]), ("1|2|3", [1, 2, 3]), ("42, 1234", [42, 1234]), ("7;9", [7, 9]), ("5|5", [5])],
)
@pytest.mark.parametrize("header", ["seeds", "Seeds", "seed"])
def test_a_seeds_column_lists_seeds(header, text, seeds):
    planned = list(expand([one(["prompt", header], ["a cup", text])], CARDS, "starter"))
    assert [item.variant.seed for item in planned] == seeds


def test_a_seeds_column_with_single_numbers_names_both_meanings():
    found = checked(["prompt", "seeds"], ["a red circle", "42"], ["a blue cup", "1234"])
    assert [brief.variants for brief in found.briefs] == [1, 1]
    assert "If it is the number of clips, rename it to 'variants'" in said(found)
    assert "rename" not in said(checked(["prompt", "seeds"], ["a cup", "1|2"]))


def test_one_seed_is_the_first_seed():
    planned = expand([one(["prompt", "seed", "variants"], ["a cup", "5", "3"])], CARDS, "starter")
    assert [item.variant.seed for item in planned] == [5, 6, 7]


# Other second meanings


@pytest.mark.parametrize(
    ("header", "value", "attribute", "default"),
    [
        ("Format", "MP4", "placements", Brief(2, "", ("",)).placements),
        ("length", str(len("a red circle on blue")), "durations_s", ()),
        ("reference", "bottle.png", "metadata", {"reference": ("bottle.png",)}),
        ("brief", "we want a fresh summer mood", "metadata", {"brief": ("we want a fresh summer mood",)}),
    ],
)
def test_a_column_whose_values_do_not_fit_is_a_column_of_the_sheets_own(header, value, attribute, default):
    found = checked(["prompt", header], ["a red circle on blue", value])
    assert getattr(found.briefs[0], attribute) == default
    assert f"'{header}' contains" in said(found)


@pytest.mark.parametrize(
    ("header", "value"), [("reference", "summer-1"), ("Format", "16:9"), ("length", "2"), ("brief", "summer 01")]
)
def test_a_column_whose_values_fit_draws_no_question(header, value):
    assert "rename" not in said(checked(["prompt", header], ["a red circle", value])).lower()


def test_a_mark_to_exclude_a_row_is_never_a_negative_prompt():
    found = checked(["prompt", "exclude"], ["a cup", "x"], ["a ball", "FALSE"], ["a box", "text, logos"])
    assert [(brief.row, brief.negative_prompts) for brief in found.briefs] == [(3, ()), (4, ("text, logos",))]
    assert "could mark a row that is to be left out" in said(found)


def test_no_alias_is_used_twice():
    names = [alias for column in COLUMNS for alias in (column.name, *column.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("header", "name"), [("wnat", "want"), ("sede", "seed"), ("mdoel", "model"), ("Land", None)])
def test_swapped_letters_in_a_header(header, name):
    assert typo_of(header) == name


# Syntax of other tools


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a|b", ["a", "b"]),
        ("a [cow|horse] b | c", ["a [cow|horse] b ", " c"]),
        ("{red|green} | x", ["{red|green} ", " x"]),
        ("a (b|c) <d|e>", ["a (b|c) <d|e>"]),
        ("a [b | c", ["a [b ", " c"]),
        (":) a | b (:", [":) a ", " b (:"]),
        (r"a\|b|c", ["a|b", "c"]),
        ("5 < 6 | 7 > 3", ["5 < 6 ", " 7 > 3"]),
    ],
)
def test_a_bar_separates_values_only_outside_brackets(text, values):
    assert parts(text) == values


@given(st.text("ab|()[]{}<>\\ ", max_size=24))
def test_the_parts_of_a_cell_give_its_text_again(text):
    assert "|".join(parts(text)) == text.replace("\\|", "|")
    spans = bracketed(text)
    assert all(one[1] < two[0] for one, two in pairwise(spans))


@given(st.text("ab|[]", max_size=20))
def test_without_brackets_every_bar_separates(text):
    plain = text.replace("[", "").replace("]", "")
    assert parts(plain) == plain.split("|")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a {red|green|blue} ball", "put red|green|blue into a column 'option', and write {option} in the prompt."),
        ("a {2$$red|0.5::green} ball", "put red|green into a column 'option'"),
        ("a {{red|green}} ball", "contains a | inside brackets, which is kept as text"),
        ("a [cow|horse]", "contains a | inside brackets, which is kept as text"),
        ("a {{colour}} ball", "To insert the column, write {colour}."),
        ("a {{ Colour }} ball", "To insert the column, write {colour}."),
        ("a ${colour} ball", "gives '$red'. To insert only the column, write {colour}."),
        ("a ${{colour}} ball", "write {colour}"),
        ("a [colour] ball", "write {colour}"),
        ("a <colour> ball", "write {colour}"),
        ("a %colour% ball", "write {colour}"),
        ("a $colour ball", "write {colour}"),
        ("a «colour» ball", "write {colour}"),
        ("a red ball | cinematic | 4k", "has 3 values separated by |"),
        ("{'scene': 'a cup'}", "looks like JSON, but is not valid JSON"),
        ("{“scene”: “a cup”}", "looks like JSON, but is not valid JSON"),
    ],
)
def test_the_syntax_of_other_tools_is_reported(prompt, message):
    assert message in said(checked(["prompt", "colour"], [prompt, "red"]))


@pytest.mark.parametrize("prompt", ["a {colour} ball", "for ${price}", "a [wide] shot", "50% off", "a {{brace}} b"])
def test_ordinary_prompts_are_not_reported(prompt):
    assert said(checked(["prompt", "colour", "price"], [prompt, "red", "19.90"])) == ""


def test_axes_confirm_that_a_cell_has_several_prompts():
    found = checked(["prompt", "axes"], ["a red circle|a blue cup", "cartesian"])
    assert (said(found), len(found.briefs[0].prompts)) == ("", 2)


@pytest.mark.parametrize("size", [2003, 2319, 31_000])
def test_a_long_prompt_with_commas_is_only_too_long(size):
    text = ("a red circle drifting right, " * 1200)[:size].strip()
    found = checked(["prompt"], [text])
    assert said(found).endswith(f"has {len(text):,} characters. Shorten it to at most 2,000.")


# JSON

JSON = st.recursive(
    st.text(max_size=12) | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc|{}", max_size=6), JSON, min_size=1, max_size=4), st.booleans())
def test_a_json_prompt_is_taken_as_it_is(value, indented):
    text = json.dumps(value, indent=2 if indented else None)
    brief = one(["prompt"], [text])
    filled = fill(brief.prompts[0], {})
    assert json.loads(filled) == json.loads(" ".join(text.split()))
    assert brief.combinations == 1


def test_a_json_prompt_can_name_a_column():
    brief = one(["prompt", "colour"], ['{"scene": "a {colour} cup | {x}", "n": {"a": 1}}', "red|blue"])
    prompts = [item.variant.prompt for item in expand([brief], CARDS, "starter")]
    assert [json.loads(text)["scene"] for text in prompts] == ["a red cup | {x}", "a blue cup | {x}"]


# Lists without a bar


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("red, green and blue", "red|green|blue"),
        ("red and blue", "red|blue"),
        ("red; green", "red|green"),
        ("red\ngreen", "red|green"),
        ("red/green", "red|green"),
        ("rot, grün und blau", "rot|grün|blau"),
    ],
)
def test_a_list_without_bars_is_one_value_with_a_warning(text, values):
    found = checked(["prompt", "colour"], ["a {colour} ball", text])
    assert found.briefs[0].combinations == 1
    assert f"is one value. For a clip of each value, write {values}." in said(found)


@pytest.mark.parametrize(
    "text", ["red", "1,000", "2,5", "50/50", "12/24/26", "a very long and winding road in the hills"]
)
def test_other_values_are_no_lists(text):
    assert "is one value" not in said(checked(["prompt", "colour"], ["a {colour} ball", text]))


# Direction marks


@pytest.mark.parametrize("text", ["\u200f16:9", "\u206716:9\u2069", "16\u200e:9", "\u061c16:9"])
def test_direction_marks_in_a_ratio_mean_nothing(text):
    found = checked(["prompt", "aspect", "variants"], ["a cup", text, "\u200f2"])
    assert (said(found), found.briefs[0].placements[0].aspect_ratio, found.briefs[0].variants) == ("", "16:9", 2)


@pytest.mark.parametrize("text", ["اشتر \u2066Reelmill\u2069 الآن", "קנה \u2068ABC\u2069 עכשיו"])
def test_isolates_in_right_to_left_text_are_kept(text):
    found = checked(["prompt", "cta"], [text, text])
    assert (said(found), found.briefs[0].ctas, found.briefs[0].prompts) == ("", (text,), (text,))


def test_isolates_without_right_to_left_text_are_removed_with_a_warning():
    found = checked(["prompt"], ["a \u2066cup\u2069"])
    assert found.briefs[0].prompts == ("a cup",)
    assert "invisible characters, which were removed" in said(found)


@pytest.mark.parametrize("override", "\u202d\u202e")
def test_overrides_stay_refused(override):
    assert "invisible control character" in said(checked(["prompt"], [f"اشتر {override}x"]))


def test_a_percentage_is_a_threshold():
    assert one(["prompt", "min_adherence"], ["a cup", "25%"]).min_adherence == 0.25


# Values that no prompt uses


def test_a_locale_that_no_prompt_uses_is_carried_by_one_clip():
    found = checked(["prompt", "locale", "cta"], ["a cup", "de|fr", "Jetzt|Maintenant"])
    planned = list(expand(found.briefs, CARDS, "starter"))
    assert [dict(item.labels) for item in planned] == [{"locale": "de|fr", "cta": "Jetzt|Maintenant"}]
    assert "does not use {locale}" in said(found)


def test_a_locale_that_the_prompt_uses_gives_clips():
    planned = list(expand([one(["prompt", "Language"], ["in {locale}", "de|fr"])], CARDS, "starter"))
    assert [item.labels for item in planned] == [(("locale", "de"),), (("locale", "fr"),)]


def test_the_values_of_a_zip_belong_together():
    row = ["a cup", "16:9|1:1", "de|fr", "A1|B2", "zip"]
    planned = list(expand([one(["prompt", "aspect", "locale", "sku", "axes"], row)], CARDS, "starter"))
    assert [dict(item.labels) for item in planned] == [
        {"placements": "16:9", "locale": "de", "sku": "A1"},
        {"placements": "1:1", "locale": "fr", "sku": "B2"},
    ]


def test_equal_clips_of_a_zip_carry_all_values():
    planned = list(expand([one(["prompt", "locale", "axes"], ["a cup", "de|fr", "zip"])], CARDS, "starter"))
    assert [dict(item.labels) for item in planned] == [{"locale": "de|fr"}]


def test_values_of_a_column_that_one_of_two_prompts_uses_are_not_lost():
    row = ["a {colour} cup|a shoe", "red|blue", "cartesian"]
    planned = list(expand([one(["prompt", "colour", "axes"], row)], CARDS, "starter"))
    assert {item.variant.prompt: dict(item.labels)["colour"] for item in planned} == {
        "a red cup": "red",
        "a blue cup": "blue",
        "a shoe": "red|blue",
    }


def test_a_column_with_several_values_that_no_prompt_uses_is_named():
    found = checked(["prompt", "colour"], ["a cup", "red|blue"])
    assert "'colour': 'red|blue' has 2 values, but the prompt does not use {colour}" in said(found)


# Wants


def test_want_counts_combinations_unless_a_scope_says_otherwise():
    headers, row = ["prompt", "colour", "want", "variants"], ["a {colour} cup", "red|blue", "2", "3"]
    assert (one(headers, row).want_scope, one(headers, row).wanted) == ("combination", 4)
    assert one(headers, row, want_scope="brief").wanted == 2
    assert one([*headers, "want_scope"], [*row, "brief"]).wanted == 2


# Cards


def problems_of(headers: list[str], row: list[str]) -> str:
    table = Table(Path("p.csv"), "p", "ab" * 32, tuple(headers), 1, (Row(2, tuple(row)),))
    return said(check_table(table, [card_check(CARDS, "starter")]))


@pytest.mark.parametrize("ratio", ["4:3", "3:2", "2:3", "4:5", "21:9"])
def test_a_ratio_that_the_card_does_not_make_is_refused_with_the_nearest(ratio):
    assert "is not supported by starter. Use " in problems_of(["prompt", "aspect"], ["a red circle", ratio])
    assert "which is nearest" in problems_of(["prompt", "aspect"], ["a red circle", ratio])


def test_a_ratio_that_a_card_lists_is_accepted_and_the_model_is_named():
    square = CARDS["starter"].sizes["1:1"]
    other = CARDS["starter"].model_copy(update={"name": "tall", "sizes": {"4:5": square}})
    cards = {**CARDS, "tall": other}
    table = Table(Path("p.csv"), "p", "ab" * 32, ("prompt", "aspect"), 1, (Row(2, ("a red circle", "4x5")),))
    assert check_table(table, [card_check(cards, "tall")]).problems == ()
    [problem] = check_table(table, [card_check(cards, "starter")]).problems
    assert problem.message.endswith("choose another model in the column 'model' (tall supports 4:5).")


def test_a_part_of_a_models_name_suggests_the_models():
    sentence = problems_of(["prompt", "model", "duration_s"], ["a red circle", "Wan", "5"])
    assert "Did you mean wan2.1-" in sentence
    assert sentence.endswith("The lengths of this row are checked once the model is known.")
    assert "Did you mean wan2.1" in problems_of(["prompt", "model"], ["a red circle", "wan 2.1"])


@pytest.mark.parametrize("text", ["\u202bكوب أحمر\u202c", "\u202aABC\u202c عكس"])
def test_embeddings_in_right_to_left_text_are_kept(text):
    found = checked(["prompt", "placements"], [text, "\u202b9:16\u202c"])
    assert (said(found), found.briefs[0].prompts) == ("", (text,))
    assert found.briefs[0].placements[0].aspect_ratio == "9:16"


@pytest.mark.parametrize("text", ["de / fr", "de;fr", "de, fr"])
def test_locales_in_one_cell_without_bars_are_reported(text):
    assert "For several locales, write de|fr." in said(checked(["prompt", "locale"], ["{locale} cup", text]))


@pytest.mark.parametrize("text", ["(1,234.50)", "Thursday, 24. December 2026", "Mar 1, 2026 9:30 AM"])
def test_numbers_and_dates_are_no_lists(text):
    assert "is one value" not in said(checked(["prompt", "note it"], ["a {note it} cup", text]))
