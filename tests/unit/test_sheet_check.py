"""Validation of a table, and the briefs in it."""

from pathlib import Path

import pytest

from manifests.brief import Brief
from manifests.placement import Placement
from manifests.sheet import CellIssue, Checked, Row, Table, campaign_of, check_table


def table(header: str, *rows: str) -> Table:
    """Return a table from lines with cells separated by semicolons."""
    cells = [tuple(cell.strip() for cell in line.split(";")) for line in (header, *rows)]
    return Table(
        Path("plan.csv"),
        "plan",
        "ab" * 32,
        cells[0],
        1,
        tuple(Row(number, row) for number, row in enumerate(cells[1:], 2) if any(row)),
        delimiter=";",
    )


def checked(header: str, *rows: str) -> Checked:
    return check_table(table(header, *rows))


def brief(header: str, row: str) -> Brief:
    result = checked(header, row)
    assert result.problems == ()
    return result.briefs[0]


def sentences(found: tuple) -> list[str]:
    return [problem.sentence for problem in found]


def test_a_full_row():
    found = brief(
        "brief_id;prompt;negative_prompt;placements;duration_s;model;variants;want;seed;min_adherence;"
        "locale;cta;notes;axes;Client",
        "s-1;a red circle;text;16:9|tiktok;2|3,5;Starter;3;2;7;0.25;en|de;Shop|Buy;hi;cartesian;acme|north",
    )
    assert found == Brief(
        2,
        "s-1",
        ("a red circle",),
        ("text",),
        (Placement("generic", "16:9"), Placement("tiktok", "9:16")),
        (2.0, 3.5),
        ("starter",),
        "cartesian",
        3,
        2,
        7,
        0.25,
        ("en", "de"),
        ("Shop", "Buy"),
        "hi",
        {"Client": ("acme", "north")},
        want_scope="combination",
    )
    assert found.axis_lengths == {"placements": 2, "duration_s": 2}
    assert found.carried == {"locale": ("en", "de"), "cta": ("Shop", "Buy")}
    assert found.combinations == 4


@pytest.mark.parametrize("header", ["Prompt", "PROMPT ", "Video prompt", "Text-Prompt", "prompt*", "\ufeffprompt"])
def test_a_sheet_with_nothing_but_prompts_works(header):
    found = brief(header, "a red circle")
    assert found.prompts == ("a red circle",)
    assert found.brief_id.startswith("a-red-circle-")


@pytest.mark.parametrize(
    ("header", "attribute"),
    [
        ("Aspect", "placements"),
        ("Aspect ratio", "placements"),
        ("Format", "placements"),
        ("Channel", "placements"),
        ("Duration (s)", "durations_s"),
        ("Length", "durations_s"),
        ("Duration_S", "durations_s"),
        ("Language", "locales"),
        ("Call to action", "ctas"),
        ("Negative", "negative_prompts"),
        ("Model card", "models"),
    ],
)
def test_columns_have_alternative_names(header, attribute):
    value = {"placements": "9:16", "durations_s": "3"}.get(attribute, "starter")
    assert getattr(brief(f"prompt;{header}", f"x;{value}"), attribute) != getattr(Brief(2, "x", ("x",)), attribute)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("negativ_prompt", "negative_prompt"),
        ("placment", "placements"),
        ("Variant", "variants"),
        ("Durration", "duration_s"),
    ],
)
def test_a_typo_in_a_header_is_a_warning_and_the_column_is_kept(header, name):
    result = checked(f"prompt;{header}", "x;7:3")
    assert sentences(result.warnings) == [
        f"Row 1, column B '{header}' is not a Reelmill column, so its values have no effect on the clips. "
        f"Did you mean '{name}'? Rename it, or keep it to use it in prompts as {{{header}}}."
    ]
    assert result.briefs[0].metadata == {header: ("7:3",)}


@pytest.mark.parametrize(
    ("correct", "typo", "name"),
    [
        ("placements", "placment", "placements"),
        ("Aspect", "placment", "placements"),
        ("Duration (s)", "Durration", "duration_s"),
        ("variants", "Variant", "variants"),
    ],
)
def test_a_typo_beside_the_correct_column_is_a_warning(correct, typo, name):
    result = checked(f"prompt;{correct};{typo}", "x;;9:16")
    assert sentences(result.warnings) == [
        f"Row 1, column C '{typo}' is not a Reelmill column, so its values have no effect on the clips. "
        f"Did you mean '{name}'? The sheet already has that column (column B); delete one of them."
    ]
    assert len(result.briefs) == 1


def test_a_misspelt_prompt_beside_the_prompt_is_a_warning():
    assert "Did you mean 'prompt'?" in sentences(checked("prompt;promt", "x;y").warnings)[0]


def test_a_column_that_looks_like_a_typo_is_not_a_warning_if_a_prompt_uses_it():
    result = checked("prompt;variants;Variant;placment", "a {Variant} cup {placment};2;red|blue;left")
    assert result.warnings == result.problems == ()


@pytest.mark.parametrize("header", ["Prompt 2", "Placement ID", "Model name", "Notes 2", "Seed group"])
def test_custom_columns_with_a_known_word_give_no_warning_beside_the_known_column(header):
    result = checked(f"prompt;placements;model;notes;seed;{header}", "x;16:9;starter;;1;y")
    assert result.warnings == result.problems == ()


@pytest.mark.parametrize("header", ["Client", "Product name", "SKU", "Market", "Campaign", "Budget", "Landing page"])
def test_custom_columns_give_no_warning(header):
    result = checked(f"prompt;{header}", "x;y")
    assert result.warnings == result.problems == ()


def test_two_columns_for_notes_are_accepted():
    found = brief("prompt;Notes;Comments", "x;for us;for them")
    assert (found.notes, found.metadata) == ("for us", {"Comments": ("for them",)})


def test_a_duplicate_notes_column_is_only_a_warning():
    result = checked("prompt;Notes;Comments;Comments", "x;a;b;c")
    assert (result.problems, len(result.warnings), len(result.briefs)) == ((), 1, 1)


def test_a_duplicate_header_is_a_warning():
    result = checked("prompt;Client;Client", "x;acme;north")
    assert sentences(result.warnings) == [
        "Row 1, column C 'Client' has the same header as column B 'Client' and is ignored. Rename it to keep it."
    ]


def test_placeholders_ignore_case_and_spaces():
    found = brief("Prompt;Product Name;Language", "a {product  name} in {LANGUAGE}, {locale} and {{braces}};cup;en")
    assert found.prompts == ("a {Product Name} in {locale}, {locale} and {{braces}}",)
    assert found.placeholders == ("Product Name", "locale")
    assert [found.values(name) for name in found.placeholders] == [("cup",), ("en",)]


def test_a_column_is_an_axis_only_if_a_prompt_names_it():
    assert brief("prompt;tags", "a circle;red|blue").axis_lengths == {}
    assert brief("prompt;tags", "a {tags} circle;red|blue").axis_lengths == {"tags": 2}


def test_placeholders_work_in_the_negative_prompt():
    found = brief("prompt;Avoid;colour", "a circle;{colour} things;red|blue")
    assert (found.negative_prompts, found.placeholders) == (("{colour} things",), ("colour",))
    assert found.combinations == 2


def test_a_bar_after_a_backslash_is_text():
    assert brief("prompt;brand", r"a\|b|c;x\|y").prompts == ("a|b", "c")
    assert brief("prompt;brand", r"a;x\|y").metadata == {"brand": ("x|y",)}


def test_duplicate_values_count_once_except_in_zip():
    assert brief("prompt;aspect", "x;1:1|1:1").placements == (Placement("generic", "1:1"),)
    found = brief("prompt;colour;aspect;axes", "a {colour} cup;red|blue;1:1|1:1;zip")
    assert (len(found.placements), found.combinations) == (2, 2)


def test_zip_repeats_single_values():
    assert brief("prompt;colour;aspect;axes", "a {colour} cup;red|blue;1:1;ZIP").combinations == 2


def test_ids_come_from_the_prompt_and_do_not_change_when_rows_move():
    first = checked("prompt", "a red circle", "a blue square").briefs
    second = checked("prompt", "a new one", "a blue square", "", "a red circle").briefs
    assert {brief.brief_id for brief in first} < {brief.brief_id for brief in second}


def test_repeated_rows_get_separate_ids_and_a_warning():
    result = checked("prompt", "a cup", "a shoe", "a cup", "a cup")
    made = result.briefs[0].brief_id
    assert [brief.brief_id for brief in result.briefs if brief.prompts == ("a cup",)] == [
        made,
        f"{made}-2",
        f"{made}-3",
    ]
    assert sentences(result.warnings) == [
        f"Row 4, column A 'prompt' repeats the prompt of row 2. This row gets the brief_id {made}-2.",
        f"Row 5, column A 'prompt' repeats the prompt of row 2. This row gets the brief_id {made}-3.",
    ]


def test_a_typed_id_takes_precedence_over_a_generated_one():
    made = checked("prompt", "a cup").briefs[0].brief_id
    ids = [brief.brief_id for brief in checked("prompt;brief_id", "a cup;", f"a shoe;{made}").briefs]
    assert ids == [f"{made}-2", made]


def test_good_rows_are_kept_without_the_bad_ones():
    result = checked("prompt;aspect", "a;16:9", "b;7:3", "c;1:1")
    assert [brief.row for brief in result.briefs] == [2, 4]
    assert [problem.row for problem in result.problems] == [3]


def test_an_ambiguous_header_rejects_every_row_and_all_bad_cells_are_reported():
    result = checked("prompt;aspect;channel", "a;7:3;tiktok", "b;1:1;tiktok")
    assert result.briefs == ()
    assert [problem.row for problem in result.problems] == [1, 2]


def test_invisible_characters_are_removed_with_a_warning():
    result = checked("prompt", "a red\u200b circle\u00a0 here")
    assert result.briefs[0].prompts == ("a red circle here",)
    assert sentences(result.warnings) == [
        "Row 2, column A 'prompt': 'a red<U+200B> circle<U+00A0> here' contained invisible characters, which were "
        "removed."
    ]


def test_control_characters_never_reach_metadata():
    result = checked("prompt;client", "x;ac\x00me\u202e")
    assert result.briefs[0].metadata == {"client": ("acme",)}
    assert len(result.warnings) == 1


def test_equal_looking_prompts_are_equal():
    composed, decomposed = (checked("prompt", text).briefs[0] for text in ("café", "cafe\u0301"))
    assert composed == decomposed


def test_cells_without_a_header_give_a_warning_in_workbooks():
    wide = table("prompt", "x;stray")
    workbook = Table(wide.path, wide.name, wide.sha256, wide.columns, 1, wide.rows, tab="Campaign")
    result = check_table(workbook)
    assert len(result.briefs) == 1
    assert sentences(result.warnings) == [
        "Row 2, column B: 'stray' is in a column without a header and is ignored. Add a header to use the column."
    ]


def test_external_checks_report_the_sheets_own_column_names():
    def check(found: Brief):
        yield CellIssue("duration_s", "9", "is longer than the model can make. Use 4 or less.")
        yield CellIssue("model", "starter", "is slow.", warning=True)

    result = check_table(table("prompt;Length", "x;9"), [check])
    assert sentences(result.problems) == [
        "Row 2, column B 'Length': '9' is longer than the model can make. Use 4 or less."
    ]
    assert sentences(result.warnings) == ["Row 2, model: 'starter' is slow."]
    assert result.briefs == ()


def test_external_checks_see_bad_rows_but_do_not_report_a_cell_twice():
    seen = []

    def check(found: Brief):
        seen.append(found)
        yield CellIssue("placements", "16:9", "is not supported.")
        yield CellIssue("model", "x", "is not a known model.")

    result = check_table(table("prompt;aspect;model", "{oops};7:3;x"), [check])
    assert [problem.column for problem in result.problems] == ["prompt", "aspect", "model"]
    assert seen[0].prompts == ("{{oops}}",)


def test_the_campaign_contains_the_good_rows():
    sheet = table("prompt;aspect", "a;16:9", "b;7:3")
    campaign = campaign_of(sheet, check_table(sheet))
    assert (campaign.name, campaign.campaign_id, len(campaign.briefs)) == ("plan", "plan-ababababab", 1)
