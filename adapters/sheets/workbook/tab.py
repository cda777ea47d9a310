"""A tab of a workbook as it was read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from manifests.sheet.table import Row, trimmed


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab that can be read.

    Attributes:
        name: its name.
        hidden: whether people do not see it.
        read: reads its cells.
    """

    name: str
    hidden: bool
    read: Callable[[], "TabCells"]


@dataclass(frozen=True)
class TabCells:
    """The cells of a tab.

    Attributes:
        rows: the rows that are not blank, with the texts that people see.
        numbers: numbers whose text differs from how they are usually written, by row and column.
        formulas: (row, column) of formulas without a stored result.
        hidden_rows: numbers of hidden rows, blank ones too.
        hidden_columns: indexes of hidden columns, blank ones too.
        region_dates: (row, column) of dates whose order of day and month differs between computers.
    """

    rows: list[Row]
    numbers: dict[int, dict[int, float]] = field(default_factory=dict)
    formulas: list[tuple[int, int]] = field(default_factory=list)
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    region_dates: list[tuple[int, int]] = field(default_factory=list)

    @cached_property
    def filled_hidden_rows(self) -> tuple[int, ...]:
        """Numbers of the hidden rows that are not blank."""
        return tuple(row.number for row in self.rows if row.number in self.hidden_rows)

    @cached_property
    def filled_hidden_columns(self) -> tuple[int, ...]:
        """Indexes of the hidden columns that are not blank."""
        if not self.hidden_columns:
            return ()
        found: set[int] = set()
        for row in self.rows:
            found.update(index for index, cell in enumerate(row.cells) if index in self.hidden_columns and cell.strip())
        return tuple(sorted(found))

    def visible(self, include_hidden: bool) -> list[Row]:
        """Return the rows that are read; the cells of hidden columns are blank."""
        if include_hidden or not (self.hidden_rows or self.filled_hidden_columns):
            return self.rows
        hidden = set(self.filled_hidden_columns)
        shown = [row for row in self.rows if row.number not in self.hidden_rows]
        if not hidden:
            return shown
        blanked = (
            Row(row.number, trimmed(["" if index in hidden else cell for index, cell in enumerate(row.cells)]))
            for row in shown
        )
        return [row for row in blanked if row.cells]


def column_range(first: int, last: int) -> range:
    """Return the columns of a range, at most as many as a sheet has."""
    return range(max(first, 0), min(last, 16_383) + 1)
