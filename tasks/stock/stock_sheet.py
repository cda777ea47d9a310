"""Stock sheets: read from a file or the bucket, and checked against the model cards."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from adapters.sheets import read_table
from manifests.brief import Brief
from manifests.errors import RejectedSheetError
from manifests.nightly.stock import StockSheet
from manifests.pluralize import count_of
from manifests.sheet import CellProblem, Table
from manifests.sheet.stock.cells import Cell, StockCells
from manifests.sheet.stock.check import CheckedStock, StockCheck, check_stock
from models.card import GeneratorCard
from tasks.intake.intake import card_check, check_default_card
from tasks.intake.sources.sheet_fetch import sheet_file
from tasks.runtime.resources import Resources

SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class StockIntake:
    """A valid stock sheet with its table and its warnings."""

    table: Table
    sheet: StockSheet
    warnings: tuple[CellProblem, ...] = ()


def load_stock_sheet(
    resources: Resources, place: str, cards: Mapping[str, GeneratorCard], default_card: str
) -> StockIntake:
    """Read and check a stock sheet.

    Args:
        place: a path, a key in the media bucket, or ``s3://name/key``.

    Raises:
        UnknownCardError: the default card does not exist.
        UnreadableSheetError: the file does not exist or is not a sheet.
        RejectedSheetError: the sheet has errors; the message contains the first ones.
    """
    check_default_card(default_card, cards)
    table, checked = validate_stock_sheet(resources, place, cards, default_card)
    if checked.sheet is None:
        raise RejectedSheetError(
            f"The stock sheet {table.name} has {count_of(len(checked.problems), 'error')}. "
            f"{_first_of(checked.problems)} Nothing was started. Fix the sheet and run the command again."
        )
    return StockIntake(table, checked.sheet, checked.warnings)


def validate_stock_sheet(
    resources: Resources, place: str, cards: Mapping[str, GeneratorCard], default_card: str
) -> tuple[Table, CheckedStock]:
    """Read a stock sheet and return it with all its problems.

    Raises:
        UnreadableSheetError: the file does not exist or is not a sheet.
    """
    with sheet_file(resources, place, keys=True) as path:
        table = read_table(path)
    return table, check_stock(table, [card_checks(cards, default_card)])


def card_checks(cards: Mapping[str, GeneratorCard], default_card: str) -> StockCheck:
    """Return the check of a sheet's cells against the cards that it uses: names, shapes, durations, words."""

    def check(reading: StockCells) -> Iterator[tuple[bool, CellProblem]]:
        models = reading.cells("model")
        known = tuple(cell.value for cell in models if cell.value in cards) or (default_card,)
        nowhere = Cell(reading.table.header_row, "", "", "", "")
        plain = Brief(0, "", ("",), models=known)
        own = [cell for found in reading.own.values() for cell in found]
        probes: list[tuple[str, list[Cell], Callable[[Cell], Brief]]] = [
            ("model", models, lambda cell: replace(plain, models=(cell.value,))),
            ("placements", reading.cells("placements"), lambda cell: replace(plain, placements=(cell.value,))),
            ("placements", [] if reading.cells("placements") else [nowhere], lambda _: plain),
            ("duration_s", reading.cells("duration_s"), lambda cell: replace(plain, durations_s=(cell.value,))),
            ("prompt", [*own, *reading.cells("prompt")], lambda cell: replace(plain, prompts=(cell.text,))),
        ]
        seen: set[tuple[str, str]] = set()
        for column, found, brief_of in probes:
            for cell in found:
                for issue in card_check(cards, default_card)(brief_of(cell)):
                    if issue.column == column and (key := (cell.text, issue.message)) not in seen:
                        seen.add(key)
                        yield issue.warning, cell._replace(text=issue.value).problem(issue.message)
        for name in known:
            if cards[name].needs_first_frame:
                cell = next((cell for cell in models if cell.value == name), nowhere._replace(text=name))
                yield (
                    False,
                    cell.problem(
                        "generates clips from a picture, which stock sheets do not support. Enter another model in the "
                        f"column 'model': {_text_cards(cards)}."
                    ),
                )

    return check


def _text_cards(cards: Mapping[str, GeneratorCard]) -> str:
    return ", ".join(sorted(name for name, card in cards.items() if not card.needs_first_frame)[:6])


def _first_of(problems: tuple[CellProblem, ...]) -> str:
    more = len(problems) - SHOWN_PROBLEMS
    return " ".join(
        [*(problem.sentence for problem in problems[:SHOWN_PROBLEMS]), *([f"And {more} more."] if more > 0 else [])]
    )
