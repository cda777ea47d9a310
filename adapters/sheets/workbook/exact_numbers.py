"""Numbers in columns that are calculated with: their value counts, and differences from what people see are named."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from adapters.sheets.numbers.number_format import plain
from manifests.sheet.columns import name_of
from manifests.sheet.reading import ShownNumber
from manifests.sheet.table import Row

NUMERIC = frozenset(("duration_s", "variants", "want", "seed", "min_adherence"))


class Exact(NamedTuple):
    """Rows whose calculated columns contain plain numbers, and the numbers that people see differently."""

    rows: list[Row]
    different: tuple[ShownNumber, ...]


def with_exact_numbers(rows: list[Row], header: Row, numbers: Mapping[int, Mapping[int, float]]) -> Exact:
    """Replace formatted numbers below the header, such as ``1,234``, by plain ones in the columns that need numbers."""
    columns = {index for index, cell in enumerate(header.cells) if name_of(cell) in NUMERIC}
    if not columns or not numbers:
        return Exact(rows, ())
    different: list[ShownNumber] = []
    result = []
    for row in rows:
        found = numbers.get(row.number, {}) if row.number > header.number else {}
        exact = {index: plain(value) for index, value in found.items() if index in columns}
        if exact:
            different += [
                ShownNumber(row.number, index, row.cell(index), text)
                for index, text in exact.items()
                if not same_number(row.cell(index), found[index])
            ]
            row = Row(row.number, _replaced(row.cells, exact))
        result.append(row)
    return Exact(result, tuple(different))


def _replaced(cells: Sequence[str], exact: Mapping[int, str]) -> tuple[str, ...]:
    line = [*cells, *[""] * (max(exact) + 1 - len(cells))]
    for index, text in exact.items():
        line[index] = text
    return tuple(line)


def same_number(shown: str, value: float) -> bool:
    """Return whether a shown text means the number: ``1,234``, ``25%`` or ``2.50 s``, but not 3 for 2.5.

    The text of an ODS can have a decimal comma.
    """
    english, continental = shown.replace(",", ""), shown.replace(".", "").replace(",", ".")
    return any(_means(text, value) for text in (english, continental))


def _means(shown: str, value: float) -> bool:
    digits = "".join(character for character in shown if character in "0123456789.-+eE")
    try:
        number = float(digits.rstrip("eE+-."))
    except ValueError:
        return False
    percent = 100.0 if "%" in shown else 1.0
    return abs(number / percent - value) <= 1e-9 * max(1.0, abs(value))
