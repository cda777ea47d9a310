"""From a table to briefs: every bad cell is found in one go."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.identity import slug
from manifests.sheet.layout import Layout
from manifests.sheet.problem import BriefCheck, CellProblem
from manifests.sheet.row_check import Reading
from manifests.sheet.table import Table, letter


@dataclass(frozen=True, slots=True)
class Checked:
    """What a sheet holds: the good rows, and everything that is wrong.

    Attributes:
        briefs: the rows without a problem, in the sheet's order; none where a problem of the
            header makes every row doubtful.
        problems: every bad cell, header first, then by row.
        warnings: what is odd but goes on.
    """

    briefs: tuple[Brief, ...]
    problems: tuple[CellProblem, ...] = ()
    warnings: tuple[CellProblem, ...] = ()


def check_table(table: Table, checks: Sequence[BriefCheck] = ()) -> Checked:
    """Read every row into a brief, or say what is wrong with each of its cells.

    Args:
        checks: what upper rooms want to say of a brief (rules of its model card). They also see
            briefs of bad rows, the bad cells at their defaults.
    """
    layout = Layout.of(table)
    header = tuple(layout.problems())
    names = layout.names
    readings = [Reading(layout, row, names) for row in table.rows]
    briefs = [reading.brief(checks) for reading in readings]
    briefs = list(_named(briefs, readings))
    good = [brief for brief, reading in zip(briefs, readings, strict=True) if not reading.problems]
    problems = [problem for reading in readings for problem in reading.problems]
    warnings = [warning for reading in readings for warning in reading.warnings]
    return Checked(
        () if header else tuple(good), (*header, *problems), (*layout.warnings(), *_without_header(table), *warnings)
    )


def campaign_of(table: Table, checked: Checked) -> Campaign:
    """Return the campaign of a sheet's good rows; with other pictures it is another."""
    pictures = [sha256 for brief in checked.briefs for sha256 in brief.first_frame_hashes]
    content = "".join((table.sha256, *pictures))
    digest = hashlib.sha256(content.encode()).hexdigest() if pictures else table.sha256
    return Campaign(table.name, digest, checked.briefs)


def _named(briefs: Iterable[Brief], readings: Sequence[Reading]) -> Iterator[Brief]:
    """Give every brief an id of its own; complain of ids that are typed twice."""
    briefs = list(briefs)
    typed: dict[str, int] = {}
    for brief, reading in zip(briefs, readings, strict=True):
        if brief.brief_id:
            first = typed.setdefault(brief.brief_id.casefold(), brief.row)
            if first != brief.row:
                reading.reject(
                    "brief_id", brief.brief_id, f"stands in row {first} already. Give every row a brief_id of its own."
                )
    taken = set(typed)
    seen: dict[str, tuple[int, int]] = {}
    for brief, reading in zip(briefs, readings, strict=True):
        yield brief if brief.brief_id else _made(brief, reading, taken, seen)


def _made(brief: Brief, reading: Reading, taken: set[str], seen: dict[str, tuple[int, int]]) -> Brief:
    """Return the brief with an id made from its prompt, so that it stays when rows move."""
    text = "|".join(brief.prompts)
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=3).hexdigest()
    made = brief_id = f"{slug(text)}-{digest}"
    first, count = seen.get(made, (brief.row, 0))
    while not count or brief_id in taken:
        count += 1
        brief_id = f"{made}-{count}" if count > 1 else made
    taken.add(brief_id)
    seen[made] = (first, count)
    if first != brief.row and text:
        reading.warn("prompt", "", f"repeats the prompt of row {first}; the row is called {brief_id}.")
    return replace(brief, brief_id=brief_id)


def _without_header(table: Table) -> Iterator[CellProblem]:
    """Yield the columns that hold cells but have no header; in text files such rows are problems."""
    width = max((len(row.cells) for row in table.rows), default=0)
    places = [i for i in range(width) if i >= len(table.columns) or not table.columns[i].strip()]
    for place in places:
        if not table.delimiter or place < len(table.columns):
            row = next((row for row in table.rows if row.cell(place).strip()), None)
            if row:
                yield CellProblem(
                    row.number, letter(place), "", row.cell(place), "stands under no header. It is not read."
                )
