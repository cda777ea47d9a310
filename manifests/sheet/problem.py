"""Problems of cells, with the sentences that people read."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from manifests.brief import Brief

SHOWN = 60
"""Maximum length of a quoted value, in characters."""


class CellProblem(NamedTuple):
    """An error or a warning about one cell, written for the person who filled it in.

    Attributes:
        row: row number as the spreadsheet program shows it; 0 for the whole file, whose message is a full sentence.
        column_letter: ``A`` to ``GR``; empty if the sheet has no such column.
        column: the header as typed; empty for a problem of the whole row or sheet.
        value: the cell's text; empty if the message is about the column itself.
        message: continues the sentence after the quoted value, or after the column if there is no value.
        summary: what many rows with this finding have in common, for a list that sums them up: it follows the number
            of rows, and ``{examples}`` stands for some of their values. Empty if the message is precise enough.
        rows: what the sentence begins with for a problem of whole rows: ``Rows 4, 12–911``; ``row`` is the first.
    """

    row: int
    column_letter: str
    column: str
    value: str
    message: str
    summary: str = ""
    rows: str = ""

    @property
    def sentence(self) -> str:
        """``Row 14, column D 'Aspect': '7:3' is not a supported aspect ratio. Use 16:9, 9:16 or 1:1.``"""
        if not self.row:
            return self.message
        letters = f"column {self.column_letter}" if self.column_letter else ""
        header = f"'{shown(self.column)}'" if letters and self.column else self.column
        row = self.rows or f"Row {self.row}"
        place = ", ".join(filter(None, (row, f"{letters} {header}".strip())))
        if self.value:
            return f"{place}: '{shown(self.value)}' {self.message}"
        return f"{place} {self.message}" if letters or header or self.rows else f"{place}: {self.message}"


def shown(text: str) -> str:
    """Return the text on one line, with invisible characters spelled out and at most SHOWN characters."""
    visible = "".join(c if c.isprintable() else " " if c in "\n\t\r" else f"<U+{ord(c):04X}>" for c in text)
    return visible if len(visible) <= SHOWN else f"{visible[: SHOWN - 1]}…"


class CellIssue(NamedTuple):
    """An error or a warning that a check returns for one cell of a brief.

    Attributes:
        column: our name of the column, such as ``duration_s``.
        value: the affected value.
        message: continues the sentence after the quoted value: ``is not a known model. Use starter.``
        warning: True for a warning, with which the row stays valid.
        summary: see CellProblem.
        follows: our name of another column on which the finding depends: it is dropped if that cell has an error.
    """

    column: str
    value: str
    message: str
    warning: bool = False
    summary: str = ""
    follows: str = ""


BriefCheck = Callable[[Brief], Iterable[CellIssue]]
