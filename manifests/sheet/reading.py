"""How a file was read: its encoding, its tab, and everything that was left out."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What a person chose for reading a file; the defaults let the reader choose.

    Attributes:
        tab: name of the tab in a workbook; empty for the tab whose header names most of our columns.
        include_hidden: also read rows and columns that are hidden or filtered out.
        encoding: encoding of a text file, such as ``cp1251``; empty to detect it.
    """

    tab: str = ""
    include_hidden: bool = False
    encoding: str = ""


DETECT = ReadingOptions()
"""No choices: the tab and the encoding are detected, hidden rows and columns are left out."""


SOME_NUMBERS = "some numbers"


class HiddenColumn(NamedTuple):
    """A hidden column with content.

    Attributes:
        column: the column, counted from 0.
        header: its header as typed; empty until the header row is known.
    """

    column: int
    header: str = ""


class UnreadTab(NamedTuple):
    """A tab with a prompt column that was not read.

    Attributes:
        name: the tab's name.
        rows: number of rows below its header.
        hidden: whether the tab itself is hidden.
    """

    name: str
    rows: int
    hidden: bool


class UnreadableTab(NamedTuple):
    """A tab that was not searched for prompts.

    Attributes:
        name: the tab's name.
        reason: continues the sentence after "it", without a full stop: ``has more than 100,000 rows``.
    """

    name: str
    reason: str


class ShownNumber(NamedTuple):
    """A number in a column that is calculated with, whose format shows another number.

    Attributes:
        row: row number as the spreadsheet program shows it.
        column: the column, counted from 0.
        shown: the text that people see.
        used: the number that is used.
    """

    row: int
    column: int
    shown: str
    used: str


class RegionDate(NamedTuple):
    """A date whose format follows the region settings of each computer; it is read as 2026-12-24.

    Attributes:
        row: row number as the spreadsheet program shows it.
        column: the column, counted from 0.
    """

    row: int
    column: int


class BadRow(NamedTuple):
    """A row that cannot be read while the other rows can, or one that was read with a doubt.

    Attributes:
        number: row number as the spreadsheet program shows it.
        value: the part of the row that causes the finding, or an empty text.
        message: continues the sentence after the quoted value, as in CellProblem.
    """

    number: int
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a file, apart from its texts.

    Attributes:
        kind: kind of file as people call it, such as ``CSV``, ``TSV``, ``XLSX`` or ``JSON Lines``.
        encoding: encoding of a text file as people call it, such as ``UTF-8``; empty for workbooks.
        is_guess: whether the encoding was detected by statistics and can be wrong.
        sample: a line with characters that depend on the encoding, if it is a guess.
        sample_row: row number of the sample.
        hidden_rows: numbers of the rows with content that are hidden or filtered out.
        hidden_columns: the hidden columns with content.
        hidden_included: whether these rows and columns were read anyway.
        unread_tabs: other tabs with a prompt column.
        unreadable_tabs: other tabs that were not searched for prompts.
        shown_numbers: numbers that people see differently.
        region_dates: dates whose order of day and month differs between computers.
        bad_rows: rows that cannot be read.
        doubts: warnings about how a row was read; those with the row number 0 are about the whole file.
        removed_markers: what was removed from the start of each line of a list: ``bullets``, ``numbers``, nothing, or
            SOME_NUMBERS if numbers stay because not all lines have them.
        has_header: False for a list of prompts without a header.
        choices: the options that changed what was read, such as ``tab=DE``; they are part of the campaign's identity.
    """

    kind: str = ""
    encoding: str = ""
    is_guess: bool = False
    sample: str = ""
    sample_row: int = 0
    hidden_rows: tuple[int, ...] = ()
    hidden_columns: tuple[HiddenColumn, ...] = ()
    hidden_included: bool = False
    unread_tabs: tuple[UnreadTab, ...] = ()
    unreadable_tabs: tuple[UnreadableTab, ...] = ()
    shown_numbers: tuple[ShownNumber, ...] = ()
    region_dates: tuple[RegionDate, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()
    doubts: tuple[BadRow, ...] = ()
    removed_markers: str = ""
    has_header: bool = True
    choices: tuple[str, ...] = ()


PLAIN = Reading()
"""Nothing was guessed or left out."""
