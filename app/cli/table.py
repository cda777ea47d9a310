"""Tables that fit the width of the output without breaking a word."""

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from app.cli.output import columns_wanted, console

GAP = 3
"""Characters between two columns of a table: a space, a line, a space."""
BREAKS = re.compile(r"(?<=[_/|,:;@.-])(?=[^\W\d_])")
"""Where a word that is longer than its column continues on the next line: after punctuation, before a letter."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings; numbers are aligned to the right, and no word is broken.

    If the rows are wider than the output, the widest text columns are wrapped. A table that cannot be narrowed any
    further is printed wider than the output.
    """
    kept = [list(row) for row in rows]
    texts = [[_cell_text(cell) for cell in row] for row in kept]
    numeric = [bool(kept) and all(isinstance(row[index], int | float) for row in kept) for index in range(len(columns))]
    widths = _column_widths([columns, *texts], numeric, columns_wanted() or console.width)
    table = Table(show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        heading = Text(_in_column(column, widths[index]))
        table.add_column(heading, justify="right" if numeric[index] else "left", no_wrap=True, overflow="crop")
    for row in texts:
        table.add_row(*(Text(_in_column(text, width)) for text, width in zip(row, widths, strict=True)))
    console.print(table, markup=False, width=max(console.width, sum(widths) + GAP * len(widths)), crop=False)


def _cell_text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}"
    return "–" if cell is None else " ".join(str(cell).split())


def _column_widths(rows: Sequence[Sequence[str]], numeric: Sequence[bool], available: int) -> list[int]:
    """Return each column's width: its longest text, or less if all columns together are too wide.

    Headings are wrapped first, then the widest columns.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    least = [_least_width(column, is_number) for column, is_number in zip(columns, numeric, strict=True)]
    body = [max(map(cell_len, column[1:]), default=0) for column in columns]
    excess = sum(widths) + GAP * (len(widths) - 1) - available
    for lowest in ([max(pair) for pair in zip(least, body, strict=True)], least):
        while excess > 0 and (slack := [(width, i) for i, width in enumerate(widths) if width > lowest[i]]):
            widths[max(slack)[1]] -= 1
            excess -= 1
    return widths


def _least_width(column: Sequence[str], is_number: bool) -> int:
    words = [word for text in column for word in text.split()]
    pieces = words if is_number else [piece for word in words for piece in BREAKS.split(word)]
    return max(map(cell_len, pieces), default=0)


def _in_column(text: str, width: int) -> str:
    """Break a text into lines of at most ``width`` characters, at spaces and, inside a long word, at punctuation."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
        elif cell_len(word) <= width:
            lines.append(word)
        else:
            lines += _pieces_of(word, width)
    return "\n".join(line for line in lines if line)


def _pieces_of(word: str, width: int) -> list[str]:
    lines = [""]
    for piece in BREAKS.split(word):
        if cell_len(lines[-1] + piece) <= width:
            lines[-1] += piece
        else:
            lines.append(piece)
    return lines
