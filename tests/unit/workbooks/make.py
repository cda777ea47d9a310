"""Write source.xlsx, from which LibreOffice made the workbooks of this folder; see README.md."""

import datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

HEADER = (
    "brief_id", "prompt", "colour", "discount", "price", "launch", "Aspect", "Length", "seed", "status", "agency notes",
)  # fmt: skip
LAUNCH = datetime.date(2026, 12, 24)
ROWS = (
    (41, "a {colour} cup, {discount} off for {price}, from {launch}", "red", 0.5, 19.9, LAUNCH, "1:1", 2, 1001, "ok"),
    (42, '="a "&C5&" bottle"', "blue", 0.125, 1234.5, LAUNCH, None, 2.5, 1002, "ok"),
    (43, "a cancelled circle", "pink", 0.1, 1, LAUNCH, None, 2, 1003, "cancelled"),
    (44, "a green shoe for {price}", "green", 0.2, 7, LAUNCH, "16:9", 2, 1004, "ok"),
    (45, "a hidden square", "grey", 0.3, 3, LAUNCH, "16:9", 2, 1005, "ok"),
    (46, "a white phone", "white", 0.4, 4, LAUNCH, "16:9", 2, 1006, "ok"),
)
FORMATS = {"A": "00000", "D": "0.0%", "E": '"$"#,##0.00', "F": "d mmm yyyy", "H": '0.0" s"', "I": "#,##0"}


def source() -> Workbook:
    """Return the workbook."""
    book = Workbook()
    guide = book.active
    guide.title = "How to fill in"
    for line in (
        ("Column", "What to write"),
        ("prompt", "What the clip shows"),
        ("placements", "Where it runs"),
        ("variants", "How many"),
        ("notes", "Anything"),
    ):
        guide.append(line)
    _briefs(book.create_sheet("Briefs"))
    for title, state in (("DE", "visible"), ("Old", "hidden"), ("Internal", "veryHidden")):
        tab = book.create_sheet(title)
        tab.append(("prompt", "Aspect"))
        tab.append(("ein roter Kreis", "1:1"))
        tab.sheet_state = state
    book.create_sheet("Prices").append(("Item", "Price"))
    return book


def _briefs(tab) -> None:
    tab["A1"] = "Summer campaign"
    tab.merge_cells("A1:K1")
    for column, header in enumerate(HEADER, 1):
        tab.cell(3, column, header).fill = PatternFill("solid", fgColor="DDE6F0")
    for number, row in enumerate(ROWS, 4):
        for column, value in enumerate((*row, "ask for a discount"), 1):
            tab.cell(number, column, value)
        for letter, code in FORMATS.items():
            tab[f"{letter}{number}"].number_format = code
    tab.merge_cells("G4:G6")
    tab["B4"].comment = Comment("Nice and short", "Ann")
    choices = DataValidation("list", formula1='"1:1,16:9,9:16"')
    choices.add("G4:G100")
    tab.add_data_validation(choices)
    tab.auto_filter.ref = "A3:K9"
    tab.auto_filter.add_filter_column(9, ["ok"])
    for row in (6, 8):
        tab.row_dimensions[row].hidden = True
    tab.column_dimensions["K"].hidden = True


if __name__ == "__main__":
    source().save(Path(__file__).with_name("source.xlsx"))
