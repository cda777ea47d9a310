"""Validation of a whole table: its briefs and all its problems."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from manifests.brief import NO_FINISH, Brief
from manifests.campaign import Campaign
from manifests.identity import slug
from manifests.sheet.doubts.finishing import finish_warnings
from manifests.sheet.doubts.headings import heading_warnings
from manifests.sheet.layout import Layout
from manifests.sheet.problem import BriefCheck, CellProblem
from manifests.sheet.reading_check import reading_problems, reading_warnings, region_date_warnings
from manifests.sheet.row_check import RowReader, Wildcards, no_wildcards
from manifests.sheet.spare_rows import SpareRows
from manifests.sheet.table import Table, letter


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of validating a sheet: the valid rows and all problems.

    Attributes:
        briefs: the rows without errors, in the sheet's order; empty if the header has errors.
        problems: all errors, those of the header first, then by row.
        warnings: findings with which the rows stay valid.
        skip_reasons: why a row contains no brief, such as ``a total``, by row number; a warning says it as well.
    """

    briefs: tuple[Brief, ...]
    problems: tuple[CellProblem, ...] = ()
    warnings: tuple[CellProblem, ...] = ()
    skip_reasons: Mapping[int, str] = field(default_factory=dict)

    @property
    def skipped(self) -> frozenset[int]:
        """Numbers of the rows that contain no brief."""
        return frozenset(self.skip_reasons)


def check_table(
    table: Table,
    checks: Sequence[BriefCheck] = (),
    *,
    want_scope: str = "combination",
    finish: str = NO_FINISH,
    texts: Collection[str] = (),
    wildcards: Wildcards = no_wildcards,
) -> Checked:
    """Validate every row and return its brief or the problems of its cells.

    Args:
        checks: additional checks of upper layers, such as the rules of model cards. They also run on the briefs of
            invalid rows, in which the invalid cells have their defaults.
        want_scope, finish: see Brief; for rows that set none.
        texts: see Layout.of.
        wildcards: returns the values of a wildcard such as ``__colours__``.
    """
    layout = Layout.of(table, texts)
    header = tuple(layout.problems())
    names = layout.names
    prompt = layout.known.get("prompt")
    spare = SpareRows() if prompt is None else SpareRows.of(table, prompt)
    rows = [row for row in table.rows if row.number not in spare.reasons]
    readers = [RowReader(layout, row, names, want_scope, finish, wildcards) for row in rows]
    briefs = [reader.brief(checks) for reader in readers]
    briefs = list(_with_ids(briefs, readers))
    good = [brief for brief, reader in zip(briefs, readers, strict=True) if not reader.problems]
    problems = [problem for reader in readers for problem in reader.problems]
    warnings = [warning for reader in readers for warning in reader.warnings]
    used = {name for brief in briefs for name in brief.placeholders}
    return Checked(
        () if header else tuple(good),
        (*header, *reading_problems(table), *problems),
        (
            *reading_warnings(table),
            *region_date_warnings(table, set(layout.place(name) for name in used)),
            *layout.warnings(used),
            *finish_warnings(layout, briefs),
            *_without_header(table),
            *spare.warnings(table),
            *(heading_warnings(table, rows, prompt) if prompt is not None else ()),
            *warnings,
        ),
        spare.sentences,
    )


def campaign_of(table: Table, checked: Checked) -> Campaign:
    """Return the campaign of a sheet's valid rows.

    The same sheet with other pictures or lists, with another finish template, or read with other options, is another
    campaign.
    """
    other = [sha256 for brief in checked.briefs for sha256 in brief.first_frame_hashes]
    other += [f"\nlast_frame\t{sha256}" for brief in checked.briefs for sha256 in brief.last_frame_hashes]
    other += [f"\nreference_pictures\t{joined}" for brief in checked.briefs for joined in brief.reference_hashes]
    other += [f"\ncontinue_from\t{joined}" for brief in checked.briefs for joined in brief.continued_hashes]
    other += [f"\nfinish\t{brief.finish}" for brief in checked.briefs if brief.is_finished]
    lists = {name: values for brief in checked.briefs for name, values in brief.metadata.items() if is_list(name)}
    other += [f"\n{name}\t{'|'.join(values)}" for name, values in sorted(lists.items())]
    other += [f"\n{choice}" for choice in table.reading.choices]
    content = "".join((table.sha256, *other))
    digest = hashlib.sha256(content.encode()).hexdigest() if other else table.sha256
    return Campaign(table.name, digest, checked.briefs)


def is_list(name: str) -> bool:
    """Return whether the values of a column come from a list, such as ``__colours__``."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def _with_ids(briefs: Iterable[Brief], readers: Sequence[RowReader]) -> Iterator[Brief]:
    """Give every brief a unique id; record an error for ids that are used twice."""
    briefs = list(briefs)
    typed: dict[str, int] = {}
    for brief, reader in zip(briefs, readers, strict=True):
        if brief.brief_id:
            first = typed.setdefault(brief.brief_id.casefold(), brief.row)
            if first != brief.row:
                reader.reject(
                    "brief_id", brief.brief_id, f"is already used in row {first}. Give every row a different brief_id."
                )
    taken = set(typed)
    seen: dict[str, tuple[int, int]] = {}
    for brief, reader in zip(briefs, readers, strict=True):
        yield brief if brief.brief_id else _with_generated_id(brief, reader, taken, seen)


def _with_generated_id(brief: Brief, reader: RowReader, taken: set[str], seen: dict[str, tuple[int, int]]) -> Brief:
    """Return the brief with an id derived from its prompt, so that the id does not change when rows are moved."""
    text = "|".join(brief.prompts)
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=3).hexdigest()
    base = brief_id = f"{slug(text)}-{digest}"
    first, count = seen.get(base, (brief.row, 0))
    while not count or brief_id in taken:
        count += 1
        brief_id = f"{base}-{count}" if count > 1 else base
    taken.add(brief_id)
    seen[base] = (first, count)
    if first != brief.row and text:
        reader.warn("prompt", "", f"repeats the prompt of row {first}. This row gets the brief_id {brief_id}.")
    return replace(brief, brief_id=brief_id)


def _without_header(table: Table) -> Iterator[CellProblem]:
    """Yield a warning for each column with values but no header.

    In text files, cells beyond the header are errors of their rows instead.
    """
    width = max((len(row.cells) for row in table.rows), default=0)
    places = [i for i in range(width) if i >= len(table.columns) or not table.columns[i].strip()]
    for place in places:
        if not table.delimiter or place < len(table.columns):
            row = next((row for row in table.rows if row.cell(place).strip()), None)
            if row:
                yield CellProblem(
                    row.number,
                    letter(place),
                    "",
                    row.cell(place),
                    "is in a column without a header and is ignored. Add a header to use the column.",
                )
