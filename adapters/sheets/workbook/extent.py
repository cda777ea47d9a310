"""What a scan of a worksheet finds before calamine loads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.sheets.numbers.number_format import GENERAL
from manifests.errors import UnreadableSheetError
from manifests.sheet.table import MAX_ROWS, SPARE_ROWS, letter

DAYS_TO_1904 = 1_462
"""Days between the two dates from which workbooks count."""
MAX_GRID_CELLS = 10_000_000
"""calamine allocates the whole rectangle, with 32 bytes per cell."""


@dataclass(slots=True)
class Extent:
    """The result of scanning a worksheet; rows from 1, columns from 0.

    Attributes:
        last_row, last_column: the last filled row and column.
        filled_rows: number of rows that are not blank.
        formulas: formulas without a stored result, by row and column; calamine reads them as blank.
        errors: error values, by row and column; calamine reads them as blank too.
        styled: filled cells with other formats than General: their styles and numbers, by row and column. calamine
            turns a number into a date if it takes its format for one.
        hidden_rows, hidden_columns: what people do not see.
    """

    last_row: int = 0
    last_column: int = 0
    filled_rows: int = 0
    formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    styled: dict[int, dict[int, tuple[int, float | None]]] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)

    def add(self, row: int, column: int) -> None:
        """Count a filled cell; cells arrive row by row."""
        self.filled_rows += row != self.last_row
        self.last_row, self.last_column = row, max(self.last_column, column)

    def check(self, tab: str) -> None:
        """Refuse tabs that need too much memory.

        Raises:
            UnreadableSheetError: too many rows, or cells far outside the table.
        """
        if self.filled_rows > MAX_ROWS + SPARE_ROWS:
            raise UnreadableSheetError(f"has more than {MAX_ROWS:,} rows. Split it into several sheets")
        if self.last_row * (self.last_column + 1) > MAX_GRID_CELLS:
            corner = f"{letter(self.last_column)}{self.last_row}"
            raise UnreadableSheetError(
                f"has cells as far out as {corner} on the tab '{tab}'. Delete the cells outside the table, or copy the "
                "table to a new sheet"
            )


Styles = Mapping[int, str]
"""Number formats by style; styles with the format General are missing."""


def format_of(styles: Styles, style: int) -> str:
    """Return the number format of a style."""
    return styles.get(style, GENERAL)
