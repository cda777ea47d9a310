"""Headings and notes in the column of the prompts, which would be generated as clips."""

import re
from collections.abc import Iterator, Sequence

from manifests.sheet.columns import is_result
from manifests.sheet.problem import CellProblem
from manifests.sheet.spare_rows import is_total
from manifests.sheet.table import Row, Table, letter

_WORDS = 2
"""A prompt with so many words may be a heading if the rest of its row is empty."""
_LABEL = re.compile(r"[^\W\d][\w ]{0,20}:(\s|$)|.{1,40}:$")
_ADDRESS = re.compile(r"\S+@\S+\.\w+|https?://|www\.")


def heading_warnings(table: Table, rows: Sequence[Row], prompt: int) -> Iterator[CellProblem]:
    """Yield a warning for each total, and each short prompt alone in its row while most other rows have other cells.

    Args:
        rows: the rows of the table that are read as briefs.
        prompt: index of the column of the prompts.
    """
    others = [place for place, header in enumerate(table.columns) if place != prompt and not is_result(header)]
    alone = [row for row in rows if not any(row.cell(place).strip() for place in others)]
    is_unusual = len(rows) - len(alone) >= max(2, len(alone) + 1)
    doubtful = {row.number for row in alone if is_unusual and _is_heading(row.cell(prompt))}
    for row in rows:
        if row.number in doubtful or is_total(row.cell(prompt)):
            yield CellProblem(
                row.number,
                letter(prompt),
                table.columns[prompt],
                row.cell(prompt),
                "is used as a prompt. If it is a heading or a note, delete the row, or begin the cell with # and a "
                "space.",
                "have a short text as the prompt that may be a heading, for example {examples}. Each is used as a "
                "prompt; if it is a heading or a note, delete the row, or begin the cell with # and a space.",
            )


def _is_heading(text: str) -> bool:
    text = " ".join(text.split())
    if not text:
        return False
    is_upper = text == text.upper() and text != text.lower()
    return len(text.split()) <= _WORDS or is_upper or bool(_LABEL.match(text) or _ADDRESS.search(text))
