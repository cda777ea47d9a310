"""The results sheet: the rows of a sheet with the result of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.sheets.workbook_writer import (
    BOLD,
    GREEN,
    HEADER,
    RED,
    YELLOW,
    add_tab,
    cell_of,
    lines_of,
    new_book,
    values_of,
    widths_of,
)
from manifests.sheet.columns import is_result
from manifests.sheet.table import Table

RESULTS = {
    "Reelmill status": 12,
    "Reelmill passed": 8,
    "Reelmill published": 8,
    "Reelmill best score": 10,
    "Reelmill URL": 40,
    "Reelmill credential SHA-256": 24,
    "Reelmill why": 60,
    "Reelmill notice": 60,
}
"""Headers of our columns with their widths. ``columns.is_result`` recognises them, so they are ignored as input."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a row.

    Attributes:
        status: short text, such as published, failed or not run.
        passed, published: numbers of clips.
        best_score: highest prompt_adherence, -1..1; None if nothing was scored.
        url: URL of the best published clip; empty if there is none.
        credential_sha256: hex digest of that clip's Content Credential; empty if there is none.
        why: reasons why clips failed, or the errors of the row.
        notice: notice that a licence requires wherever the clips are shown; empty if none is required.
    """

    status: str
    passed: int = 0
    published: int = 0
    best_score: float | None = None
    url: str = ""
    credential_sha256: str = ""
    why: str = ""
    notice: str = ""


def write_results(table: Table, outcomes: Mapping[int, Outcome], out: Path) -> None:
    """Write the sheet's rows as XLSX with our columns after them; earlier results are replaced.

    The file can be used as a sheet again: our columns are ignored as input, and every text is preserved.

    Args:
        outcomes: by row number; rows without an outcome get empty cells.

    Raises:
        SheetError: ``out`` does not end in .xlsx, is the sheet itself, or cannot be written.
        DiskFullError: the disk is full.
    """
    kept = _kept(table)
    widths = widths_of(table)
    columns = [*(widths.get(index, 0) for index in kept), *RESULTS.values()]
    with new_book(out, table.path) as book:
        tab = add_tab(book, table.tab or "Campaign", dict(enumerate(columns)), table.header_row or 1)
        for number, texts in lines_of(table):
            line = [texts[index] if index < len(texts) else "" for index in kept]
            if number == table.header_row:
                tab.append([cell_of(tab, text, HEADER, BOLD) for text in (*line, *RESULTS)])
            else:
                tab.append([*values_of(line), *_results(tab, outcomes.get(number))])


def _kept(table: Table) -> list[int]:
    """Return the indexes of all columns except ours."""
    width = max(len(table.columns), max((len(row.cells) for row in table.rows), default=0))
    ours = {index for index, header in enumerate(table.columns) if is_result(header)}
    return [index for index in range(width) if index not in ours]


def _results(tab: Any, outcome: Outcome | None) -> Sequence[Any]:
    if outcome is None:
        return ()
    colour = GREEN if outcome.published else RED if outcome.status == "failed" else YELLOW
    score = None if outcome.best_score is None else round(outcome.best_score, 4)
    return (
        cell_of(tab, outcome.status, colour),
        outcome.passed,
        outcome.published,
        score,
        *values_of((outcome.url, outcome.credential_sha256, outcome.why, outcome.notice)),
    )
