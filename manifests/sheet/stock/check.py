"""Validation of a stock sheet: its lists and numbers, or all its problems."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from manifests.nightly.stock import MAX_COMBINATIONS, StockSheet
from manifests.sheet import cells, prompt_template
from manifests.sheet.columns import normalise, typo_of
from manifests.sheet.problem import CellProblem
from manifests.sheet.reading_check import reading_problems, reading_warnings
from manifests.sheet.stock.cells import Cell, StockCells
from manifests.sheet.stock.columns import LISTS, SHOWING, meaning_of, with_header
from manifests.sheet.table import Table

NAMEABLE = (*LISTS, "locale", "cta")
"""Known columns that a prompt can use in addition to the sheet's own."""

StockCheck = Callable[[StockCells], Iterable[tuple[bool, CellProblem]]]
"""An additional check of upper layers; it yields (True for a warning, the problem)."""


@dataclass(frozen=True, slots=True)
class CheckedStock:
    """The result of validating a stock sheet.

    Attributes:
        sheet: None if there are errors.
        problems: all errors, by row.
        warnings: findings with which the sheet stays valid.
    """

    sheet: StockSheet | None
    problems: tuple[CellProblem, ...] = ()
    warnings: tuple[CellProblem, ...] = ()


def check_stock(table: Table, checks: Iterable[StockCheck] = ()) -> CheckedStock:
    """Validate a table as a stock sheet."""
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
    warnings = (*reading_warnings(table), *reading.warnings)
    if problems := (*reading_problems(table), *reading.problems):
        return CheckedStock(None, problems, warnings)
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
    return CheckedStock(sheet, (), warnings)


def _one(reading: StockCells, name: str, default: Any) -> Any:
    found = reading.cells(name)
    return found[0].value if found else default


def _pattern(reading: StockCells) -> str:
    """Return the template of the prompt: the sheet's, or else one of the columns mood, shot and theme."""
    if found := reading.cells("prompt"):
        return str(found[0].value)
    mood, shot, theme = (name if reading.own.get(name) else "" for name in SHOWING)
    if not theme and "theme" in reading.places and reading.problems:
        return ""  # its cells already have errors
    if not theme:
        reading.about(
            "",
            "the sheet has no prompt. Enter a template such as '{mood} {shot} of {theme}' in a column 'prompt', or "
            "list the subjects in a column 'theme'.",
        )
        return ""
    before = " ".join("{" + name + "}" for name in (mood, shot) if name)
    return f"{before} of {{theme}}" if shot else f"{before} {{theme}}".strip()


def _spelt(reading: StockCells, column: str, pattern: str) -> str:
    """Return a template with its names spelled as the sheet's columns; record an error for unknown names."""
    names = {normalise(name): name for name in reading.own}
    names |= {normalise(name): name for name in NAMEABLE if reading.cells(name) and name not in reading.own}
    names |= {
        normalise(reading.table.columns[index]): name
        for name, index in reading.places.items()
        if name in names.values()
    }
    found: dict[str, str] = {}
    try:
        for typed in prompt_template.placeholders(pattern):
            name = names.get(normalise(typed))
            if name is None:
                listed = ", ".join("{" + each + "}" for each in dict.fromkeys(names.values()))
                meant = meaning_of(typed)
                usable = meant is None or meant in (*SHOWING, *NAMEABLE)
                what = "is not a column of this sheet" if usable else "cannot be used in a prompt"
                instead = "Add a column with this name, or remove it" if usable else "Remove it"
                advice = f"The prompt can use {listed}." if listed else f"{instead} from the prompt."
                _reject(reading, column, "{" + typed + "}", f"{what}. {advice}")
            elif not reading.cells(name):
                _reject(
                    reading,
                    column,
                    "{" + typed + "}",
                    "is a column without values. Add values to it, or remove it from the prompt.",
                )
            else:
                found[typed] = name
        return prompt_template.rename(pattern, found)
    except KeyError:
        return ""
    except ValueError as error:
        _reject(reading, column, pattern, str(error))
        return ""


def _reject(reading: StockCells, column: str, value: str, message: str) -> None:
    cell = next(iter(reading.cells(column)), Cell(reading.table.header_row, "", column, "", ""))
    reading.problems.append(cell._replace(text=value).problem(message))


def _check_lists(reading: StockCells, pattern: str) -> None:
    """Record errors for missing lists, unused lists, too many combinations and too long prompts."""
    lists = {name: found for name, found in reading.own.items() if found}
    if not lists and not reading.problems:
        reading.about(
            "",
            "there is no list of values. Add a column 'theme' with one subject per row, and use {theme} in the prompt.",
        )
    named = set(prompt_template.placeholders(pattern))
    for name in lists if pattern else ():
        if name not in named:
            meant = typo_of(name)
            hint = f" Did you mean {meant}?" if meant and meant != name else ""
            where = "in the prompt" if reading.cells("prompt") else "in a column 'prompt'"
            reading.about(name, f"is not used in the prompt.{hint} Use {{{name}}} {where}, or delete the column.")
    lengths = {name: len(found) for name, found in lists.items()} | {
        name: len(found) for name in LISTS if (found := reading.cells(name))
    }
    if (total := prod(lengths.values())) > MAX_COMBINATIONS:
        listed = " × ".join(f"{length} {name}" for name, length in lengths.items() if length > 1)
        reading.about(
            "",
            f"the lists give {total:,} combinations ({listed}), but at most {MAX_COMBINATIONS:,} are allowed. "
            "Split the sheet into several sheets.",
        )
    longest = {name: max((cell.text for cell in reading.cells(name)), key=len, default="") for name in named}
    if pattern and len(filled := prompt_template.fill(pattern, longest)) > cells.PROMPT_LENGTH:
        _reject(
            reading,
            "prompt",
            pattern,
            f"has {len(filled):,} characters when its columns are filled in. Shorten it to at most "
            f"{cells.PROMPT_LENGTH:,}.",
        )


def _numbers(reading: StockCells) -> Iterator[tuple[str, int]]:
    """Yield the numbers of clips and tries; record an error for numbers that contradict each other."""
    tries, want, nightly = _one(reading, "tries", 0), _one(reading, "want", 1), _one(reading, "nightly", 100)
    most = _one(reading, "most", max(1, want))
    if tries and want > tries:
        _reject(
            reading,
            "want",
            str(want),
            f"is more than the number of tries per night ({tries}). Raise the tries, or lower this value.",
        )
    if want > most:
        _reject(
            reading,
            "want",
            str(want),
            f"is more than the total number of clips ({most}). Raise the total, or lower this value.",
        )
    yield from {"tries": tries or max(3, want), "want": want, "most": most, "nightly": nightly}.items()
