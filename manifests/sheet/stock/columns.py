"""The columns of a stock sheet: lists of values, and numbers of clips and tries."""

from collections.abc import Sequence
from itertools import islice

from manifests.sheet.columns import FINISHING, is_result, name_of, normalise
from manifests.sheet.header import LOOKED_AT
from manifests.sheet.table import Row, Table

SHOWING = ("mood", "shot", "theme")
"""Columns of the default prompt, ``{mood} {shot} of {theme}``, which uses those that a sheet has."""
LISTS = ("placements", "model", "duration_s")
"""Known columns that can list values as well; each is combined with all other lists."""
SINGLE = ("prompt", "negative_prompt", "tries", "want", "most", "nightly", "min_adherence")
REFUSED = {
    "brief_id": "every combination gets a generated id",
    "want_scope": "every combination is counted separately",
    "seed": "every night uses new seeds",
    "axes": "every value is combined with every other",
    "first_frame": "stock footage does not start from a picture (use a campaign sheet for that)",
    "last_frame": "stock footage does not end with a picture (use a campaign sheet for that)",
    "continue_from": "stock footage does not continue a clip (use a campaign sheet for that)",
    "fallback": "each combination is tried again in a later night",
    "reference_pictures": "stock footage is generated from text alone (use a campaign sheet for that)",
}
_OWN = {
    "theme": ("themes",),
    "shot": ("shots",),
    "mood": ("moods",),
    "tries": ("variants", "seeds per combination", "takes per combination", "tries per night"),
    "want": ("want per night", "clips per night", "clips a night"),
    "most": ("at most", "max clips", "most clips", "clips in all", "enough"),
    "nightly": ("combinations per night", "combinations a night", "max combinations", "cap"),
}
_MEANINGS = {normalise(name): own for own, others in _OWN.items() for name in (own, *others)}


def meaning_of(header: str) -> str | None:
    """Return our name for the column of a header; None for a column of the sheet's own.

    Stock footage is published without finishing, so the columns of finishing are lists like any other.
    """
    name = name_of(header)
    if name in FINISHING:
        return None
    return _MEANINGS.get(normalise(header)) or _MEANINGS.get(name or "", name)


def with_header(table: Table) -> Table:
    """Return the table with the header row of a stock sheet.

    The header is the row with the most known headers, or the first of several such rows. Unlike a campaign sheet, a
    stock sheet does not need a prompt column.
    """
    lines = [*table.above, Row(table.header_row, table.columns), *table.rows]
    known = [_known_in(line.cells) for line in islice(lines, LOOKED_AT)]
    if not max(known):
        return table
    index = known.index(max(known))
    return Table(
        table.path,
        table.name,
        table.sha256,
        lines[index].cells,
        lines[index].number,
        tuple(lines[index + 1 :]),
        tuple(lines[:index]),
        table.tab,
        table.delimiter,
        table.formulas,
        table.reading,
    )


def _known_in(cells: Sequence[str]) -> int:
    names = {meaning_of(cell) for cell in cells if cell.strip() and len(cell) < 100 and not is_result(cell)} - {None}
    return len(names) + 2 * len(names & {*SHOWING, "prompt"})
