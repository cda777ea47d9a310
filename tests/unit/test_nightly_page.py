"""docs/nightly.md agrees with the code."""

import re
from pathlib import Path

from adapters.catalogue import STATES
from flows.settings import Settings
from manifests.nightly.stock import MAX_COMBINATIONS
from manifests.sheet.stock.cells import PARSERS
from manifests.sheet.stock.columns import REFUSED, SHOWING
from tasks.render.render import LEASED_AT_ONCE
from tasks.stock.night_plan import EXISTING, UNSTARTED
from tasks.stock.stock_selection import GIVE_UP

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "nightly.md").read_text()


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table with this first heading."""
    lines = PAGE.split(f"| {heading} |", 1)[1].splitlines()[2:]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines[: next(index for index, line in enumerate([*lines, ""]) if not line.startswith("|"))]
    ]


def test_the_page_describes_exactly_the_columns():
    told = {name for row in table("column") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {*PARSERS, *SHOWING, "locale", "cta", "notes"}
    assert all(f"`{name}`" in PAGE for name in REFUSED)


def test_every_state_counts_as_the_page_describes():
    told = {state: row[1] for row in table("state of an equal variant") for state in row[0].split(", ")}
    assert told.keys() == {*STATES}
    assert {state for state, counts in told.items() if counts.startswith("existing")} == EXISTING
    assert {state for state, counts in told.items() if counts.startswith("not counted")} == {UNSTARTED}


def test_the_page_lists_the_settings_and_their_defaults():
    fields = Settings.model_fields
    for name, _, default in table("setting"):
        field = fields[name.strip("`").removeprefix("REELMILL_").lower()]
        assert str(field.default) == (default.strip("`") if "`" in default else default or "") or (
            float(default) == field.default
        )


def test_the_numbers_on_the_page_match_the_code():
    assert f"at most {MAX_COMBINATIONS:,} per sheet" in PAGE
    assert f"{GIVE_UP} nights' worth of failed tries" in PAGE
    assert f"one clip, up to {LEASED_AT_ONCE} short clips" in PAGE
    rows = [row for row in table("theme") if any(row)]
    example = (ROOT / "examples" / "stock.csv").read_text().splitlines()
    assert [line.split(",") for line in example[1:]] == rows
