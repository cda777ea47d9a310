"""The template from which new users start."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment
from openpyxl.worksheet.datavalidation import DataValidation

from adapters.sheets.atomic_save import saving
from adapters.sheets.workbook_writer import BOLD, HEADER, values_of
from manifests.errors import SheetError
from manifests.placement import ASPECT_RATIOS, CHANNELS
from manifests.sheet.columns import COLUMNS, FINISHING, Column
from manifests.sheet.table import letter

OWN_COLUMN = "colour"
IN_SHEET = ("finish", "script", "music")
"""The columns of finishing that the template has; the guide explains the others."""
HEADERS = (
    *("brief_id", "prompt", OWN_COLUMN),
    *(column.name for column in COLUMNS[2:] if column.name in IN_SHEET or column.name not in FINISHING),
)
ROWS: tuple[dict[str, str], ...] = (
    {
        "brief_id": "summer-01",
        "prompt": "a red circle drifting left on a white background",
        "placements": "16:9",
        "variants": "2",
        "want": "1",
        "notes": "two tries, stop at the first that passes",
    },
    {
        "brief_id": "summer-02",
        "prompt": "a {colour} square zooming in on a white background",
        "colour": "red|blue",
        "placements": "1:1",
        "notes": "one clip for each colour",
    },
    {
        "brief_id": "summer-03",
        "prompt": "a {colour} triangle drifting up on a black background",
        "colour": "yellow|pink",
        "placements": "16:9|tiktok",
        "axes": "zip",
        "notes": "yellow for 16:9, pink for tiktok",
    },
)
"""Rows within the starter's vocabulary, so that the template runs unchanged."""

_GUIDE = ("Column", "Meaning", "Allowed values", "Example", "If empty")
_MORE = (
    (
        "any other",
        "A column of your own. {its name} in a prompt is replaced by its value. It is kept in every record.",
        "Text.",
        "red|blue",
        "allowed, unless a prompt uses it",
    ),
    (
        "cells with |",
        "Several values. One clip is generated for each of them. The column axes defines how they are combined.",
        "Values separated by |. Write \\| for a literal bar.",
        "16:9|9:16",
        "",
    ),
)
_LANGUAGES = (
    "cta_de, script_ar, …",
    "A column per language: the text of another locale, for each column whose text finishing uses. Other spellings: "
    "CTA (de), price_pt-BR.",
    "Text.",
    "Jetzt kaufen",
    "the text of the first locale, with a warning",
)
_GROUPS = (("Clips", ""), ("Finishing: from clip to ad", "Add these columns to the sheet as you need them."))
"""Headings of the guide, with a sentence."""
_LIST_ROWS = 1_000
_WIDTHS = {"prompt": 58, "notes": 40, "negative_prompt": 20, "placements": 16, "brief_id": 14}


def write_template(path: Path, models: Sequence[str], templates: Sequence[str] = ()) -> None:
    """Write a sheet with example rows, as XLSX with an explanation of every column, or as CSV.

    An existing file is replaced. The caller decides whether that is allowed.

    Args:
        models: names of the model cards to choose from.
        templates: names of the finish templates to choose from.

    Raises:
        SheetError: the name does not end in .xlsx or .csv, or the file cannot be written.
        DiskFullError: the disk is full.
    """
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise SheetError(f"The template cannot be written to '{path.name}'. Use a name that ends in .xlsx or .csv.")
    if path.suffix.lower() == ".csv":
        _write_csv(path)
    else:
        with saving(path) as unfinished:
            _workbook(models, templates).save(unfinished)


def _write_csv(path: Path) -> None:
    """Write UTF-8 with a byte order mark, because Excel reads it as Windows-1252 otherwise."""
    with saving(path) as unfinished, unfinished.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, HEADERS)
        writer.writeheader()
        writer.writerows(ROWS)


def _workbook(models: Sequence[str], templates: Sequence[str]) -> Workbook:
    book = Workbook()
    _write_campaign(book.active, models, templates)
    _write_guide(book.create_sheet("Columns"))
    names = book.create_sheet("Models")
    for text in ("model", *models):
        names.append([text])
    names["A1"].font = BOLD
    return book


def _write_campaign(tab: Any, models: Sequence[str], templates: Sequence[str]) -> None:
    tab.title = "Campaign"
    tab.append(list(HEADERS))
    for row in ROWS:
        tab.append(values_of([row.get(header, "") for header in HEADERS]))
    tab.freeze_panes = "A2"
    abouts = {column.name: column for column in COLUMNS}
    for index, header in enumerate(HEADERS):
        _style_column(tab, index, header, abouts.get(header))
    _choices(tab, "placements", f'"{",".join((*ASPECT_RATIOS, *CHANNELS))}"')
    _choices(tab, "axes", '"cartesian,zip"')
    _choices(tab, "finish", f'"{",".join(("none", *templates))}"')
    if models:
        _choices(tab, "model", f"=Models!$A$2:$A${len(models) + 1}")


def _style_column(tab: Any, index: int, header: str, column: Column | None) -> None:
    """Style a header; placements are formatted as text, because Excel converts 16:9 to a time of day otherwise."""
    cell = tab.cell(1, index + 1)
    cell.font, cell.fill = BOLD, HEADER
    cell.comment = Comment(_hint(column), "Reelmill", height=150, width=320)
    tab.column_dimensions[letter(index)].width = _WIDTHS.get(header, 13)
    if header == "placements":
        tab.column_dimensions[letter(index)].number_format = "@"
        for row in range(2, _LIST_ROWS + 2):
            tab.cell(row, index + 1).number_format = "@"


def _hint(column: Column | None) -> str:
    if column is None:
        return f"A column of your own. {{{OWN_COLUMN}}} in a prompt is replaced by its value."
    return f"{column.about}\n{column.allowed}\nExample: {column.example}\nIf empty: {column.default}"


def _choices(tab: Any, header: str, formula: str) -> None:
    """Offer a list of values; other texts can be typed, because a cell can contain several values."""
    place = letter(HEADERS.index(header))
    choice = DataValidation("list", formula1=formula, allow_blank=True, showErrorMessage=False)
    choice.add(f"{place}2:{place}{_LIST_ROWS + 1}")
    tab.add_data_validation(choice)


def _write_guide(tab: Any) -> None:
    tab.append(list(_GUIDE))
    clips = [column for column in COLUMNS if column.name not in FINISHING]
    finishing = [column for column in COLUMNS if column.name in FINISHING]
    headings = []
    for heading, columns, more in zip(_GROUPS, (clips, finishing), (_MORE, (_LANGUAGES,)), strict=True):
        tab.append(list(heading))
        headings.append(tab.max_row)
        for column in columns:
            tab.append([column.name, column.about, column.allowed, column.example, column.default])
        for line in more:
            tab.append(list(line))
    for index, width in enumerate((18, 62, 62, 40, 26)):
        tab.column_dimensions[letter(index)].width = width
    for row in tab.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for cell in tab[1]:
        cell.font, cell.fill = BOLD, HEADER
    for row in headings:
        tab.cell(row, 1).font = BOLD
        tab.cell(row, 1).alignment = Alignment(wrap_text=False, vertical="top")
    tab.freeze_panes = "A2"
