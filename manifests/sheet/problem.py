"""What is wrong with a cell."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from manifests.brief import Brief

SHOWN = 60
"""Characters of a value that a sentence quotes."""


class CellProblem(NamedTuple):
    """One bad cell, to be read by the person who filled it.

    Attributes:
        row: row number as the spreadsheet program shows it.
        column_letter: ``A`` to ``GR``; empty where the sheet has no such column.
        column: the header as typed; empty where the whole row or sheet is meant.
        value: the cell's text; empty where the message is about the column itself.
        message: goes on after the quoted value, or after the column where there is none.
        summary: what many rows with this finding have in common, for a list that sums them up: it follows the number
            of rows, and ``{examples}`` stands for some of their values. Empty if the message is precise enough.
    """

    row: int
    column_letter: str
    column: str
    value: str
    message: str
    summary: str = ""

    @property
    def sentence(self) -> str:
        """``Row 14, column D 'Aspect': '7:3' isn't allowed. Use 16:9, 9:16 or 1:1.``"""
        letters = f"column {self.column_letter}" if self.column_letter else ""
        header = f"'{shown(self.column)}'" if letters and self.column else self.column
        place = ", ".join(filter(None, (f"Row {self.row}", f"{letters} {header}".strip())))
        if self.value:
            return f"{place}: '{shown(self.value)}' {self.message}"
        return f"{place} {self.message}" if letters or header else f"{place}: {self.message}"


def shown(text: str) -> str:
    """Return the text on one line, invisible characters spelt out, shortened to SHOWN characters."""
    visible = "".join(c if c.isprintable() else " " if c in "\n\t\r" else f"<U+{ord(c):04X}>" for c in text)
    return visible if len(visible) <= SHOWN else f"{visible[: SHOWN - 1]}…"


class Complaint(NamedTuple):
    """What a check has against one cell of a brief.

    Attributes:
        column: our name of the column, such as ``duration_s``.
        value: the value complained of.
        message: goes on after the quoted value: ``isn't a model card. Use starter.``
        warning: the row is good all the same.
        summary: see CellProblem.
    """

    column: str
    value: str
    message: str
    warning: bool = False
    summary: str = ""


BriefCheck = Callable[[Brief], Iterable[Complaint]]
