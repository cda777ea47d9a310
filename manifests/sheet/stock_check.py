"""From a stock sheet's table to what it lists, or every sentence that says what to mend."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from manifests.nightly.stock import MOST_COMBINATIONS, StockSheet
from manifests.sheet import cells
from manifests.sheet import prompt_template as wording
from manifests.sheet.columns import normalise, typo_of
from manifests.sheet.problem import CellProblem
from manifests.sheet.stock_cells import Cell, StockCells
from manifests.sheet.stock_columns import LISTS, SHOWING, with_header
from manifests.sheet.table import Table

NAMEABLE = (*LISTS, "locale", "cta")
"""Columns of ours that a pattern may name beside the sheet's own."""

StockCheck = Callable[[StockCells], Iterable[tuple[bool, CellProblem]]]
"""What upper rooms say of the cells: (True for a warning, the problem)."""


@dataclass(frozen=True, slots=True)
class CheckedStock:
    """A stock sheet, or why there is none.

    Attributes:
        sheet: None where there are problems.
        problems: every bad cell, by row.
        warnings: what is odd but goes on.
    """

    sheet: StockSheet | None
    problems: tuple[CellProblem, ...] = ()
    warnings: tuple[CellProblem, ...] = ()


def check_stock(table: Table, checks: Iterable[StockCheck] = ()) -> CheckedStock:
    """Read a table as a stock sheet."""
    table = with_header(table)
    reading = StockCells.of(table)
    pattern = _pattern(reading)
    patterns = {"prompt": pattern, "negative_prompt": str(_one(reading, "negative_prompt", ""))}
    patterns = {name: _spelt(reading, name, text) for name, text in patterns.items()}
    _check_lists(reading, patterns["prompt"])
    numbers: dict[str, Any] = dict(_numbers(reading))
    for check in checks:
        for is_warning, problem in check(reading):
            (reading.warnings if is_warning else reading.problems).append(problem)
    if reading.problems:
        return CheckedStock(None, tuple(reading.problems), tuple(reading.warnings))
    lists: dict[str, Any] = {name: tuple(cell.value for cell in reading.cells(name)) for name in LISTS}
    sheet = StockSheet(
        name=table.name,
        sha256=table.sha256,
        prompt=patterns["prompt"],
        negative_prompt=patterns["negative_prompt"],
        axes={name: tuple((cell.row, cell.value) for cell in found) for name, found in reading.own.items() if found},
        models=lists["model"],
        durations_s=lists["duration_s"],
        min_adherence=_one(reading, "min_adherence", None),
        header_row=table.header_row,
        **numbers,
        **({"placements": lists["placements"]} if lists["placements"] else {}),
    )
    return CheckedStock(sheet, (), tuple(reading.warnings))


def _one(reading: StockCells, name: str, default: Any) -> Any:
    found = reading.cells(name)
    return found[0].value if found else default


def _pattern(reading: StockCells) -> str:
    """Return the prompt's pattern: the sheet's, else what the columns that it has are usually joined to."""
    if found := reading.cells("prompt"):
        return str(found[0].value)
    mood, shot, theme = (name if reading.own.get(name) else "" for name in SHOWING)
    if not theme and "theme" in reading.places and reading.problems:
        return ""  # its cells are complained of already
    if not theme:
        reading.about(
            "prompt",
            "the sheet has no prompt. Add a column 'prompt' with a pattern such as "
            "'{mood} {shot} of {theme}', or call the list of what is shown 'theme'.",
        )
        return ""
    before = " ".join("{" + name + "}" for name in (mood, shot) if name)
    return f"{before} of {{theme}}" if shot else f"{before} {{theme}}".strip()


def _spelt(reading: StockCells, column: str, pattern: str) -> str:
    """Return a pattern with its names as the sheet's columns are spelt; complain of those that are none."""
    names = {normalise(name): name for name in reading.own}
    names |= {normalise(name): name for name in NAMEABLE if reading.cells(name) and name not in reading.own}
    names |= {
        normalise(reading.table.columns[index]): name
        for name, index in reading.places.items()
        if name in names.values()
    }
    found: dict[str, str] = {}
    try:
        for typed in wording.placeholders(pattern):
            name = names.get(normalise(typed))
            if name is None:
                listed = ", ".join("{" + each + "}" for each in dict.fromkeys(names.values()))
                _complain(
                    reading,
                    column,
                    "{" + typed + "}",
                    f"names no column. The sheet has {listed or 'none that a prompt can name'}.",
                )
            elif not reading.cells(name):
                _complain(
                    reading,
                    column,
                    "{" + typed + "}",
                    "names a column without a value. Fill it in, or take the name out of the prompt.",
                )
            else:
                found[typed] = name
        return wording.rename(pattern, found)
    except KeyError:
        return ""
    except ValueError as error:
        _complain(reading, column, pattern, str(error))
        return ""


def _complain(reading: StockCells, column: str, value: str, message: str) -> None:
    cell = next(iter(reading.cells(column)), Cell(reading.table.header_row, "", column, "", ""))
    reading.problems.append(cell._replace(text=value).problem(message))


def _check_lists(reading: StockCells, pattern: str) -> None:
    """Complain where nothing is listed, where a list is named by no prompt, and where they multiply too far."""
    lists = {name: found for name, found in reading.own.items() if found}
    if not lists and not reading.problems:
        reading.about("", "no column lists what the clips show. Head a column 'theme' and write the themes below it.")
    named = set(wording.placeholders(pattern))
    for name in lists if pattern else ():
        if name not in named:
            meant = typo_of(name)
            hint = f" Did you mean {meant}?" if meant else ""
            reading.about(
                name,
                f"is a list that the prompt does not name.{hint} Write {{{name}}} into the prompt, or "
                "take the column out.",
            )
    lengths = {name: len(found) for name, found in lists.items()} | {
        name: len(found) for name in LISTS if (found := reading.cells(name))
    }
    if (total := prod(lengths.values())) > MOST_COMBINATIONS:
        listed = " × ".join(f"{length} {name}" for name, length in lengths.items() if length > 1)
        reading.about(
            "",
            f"the lists make {total:,} combinations ({listed}), and {MOST_COMBINATIONS:,} are allowed. "
            "Split the sheet into several.",
        )
    longest = {name: max((cell.text for cell in reading.cells(name)), key=len, default="") for name in named}
    if pattern and len(filled := wording.fill(pattern, longest)) > cells.PROMPT_LENGTH:
        _complain(
            reading,
            "prompt",
            pattern,
            f"grows to {len(filled):,} characters once it is filled in. Shorten it to {cells.PROMPT_LENGTH:,}.",
        )


def _numbers(reading: StockCells) -> Iterator[tuple[str, int]]:
    """Yield how much is wanted; a number that another forbids is complained of."""
    tries, want, nightly = _one(reading, "tries", 0), _one(reading, "want", 1), _one(reading, "nightly", 100)
    most = _one(reading, "most", max(1, want))
    if tries and want > tries:
        _complain(reading, "want", str(want), f"is more than the {tries} tries of a night. Raise tries, or lower it.")
    if want > most:
        _complain(
            reading,
            "want",
            str(want),
            f"is more than the {most} clips that are wanted at most. Raise most, or lower it.",
        )
    yield from {"tries": tries or max(3, want), "want": want, "most": most, "nightly": nightly}.items()
