"""Which column of a table means what."""

from collections.abc import Iterator
from dataclasses import dataclass

from manifests.sheet.columns import is_result, name_of, nearest_to_prompt, normalise, typo_of
from manifests.sheet.problem import CellProblem, shown
from manifests.sheet.table import Table, letter


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns by meaning; a column's place is counted from 0.

    Attributes:
        known: our names, with their places.
        metadata: the other headers (white space collapsed), with their places.
        doubled: places of columns that mean the same as an earlier one, with our name of it; an
            empty name where two headers of metadata are the same.
    """

    table: Table
    known: dict[str, int]
    metadata: dict[str, int]
    doubled: dict[int, str]

    @classmethod
    def of(cls, table: Table) -> "Layout":
        """Sort the headers of a table; an earlier column keeps a name that a later one means too."""
        known: dict[str, int] = {}
        metadata: dict[str, int] = {}
        doubled: dict[int, str] = {}
        for index, header in _headers(table):
            name = name_of(header)
            if name == "notes" and name in known:
                name = None
            meanings, meaning = (known, name) if name else (metadata, _key(header))
            if meanings.setdefault(meaning, index) != index:
                doubled[index] = name or ""
        return cls(table, known, metadata, doubled)

    @property
    def nameable(self) -> dict[str, str]:
        """Headers as typed that may stand in braces, with the name that ``Brief.values`` takes."""
        known = {_key(self.table.columns[i]): name for name, i in self.known.items() if name in PLACEHOLDERS}
        return {key: key for key in self.metadata} | known

    @property
    def names(self) -> dict[str, str]:
        """The same by their normalised texts, our own names of the columns among them."""
        spelt = {normalise(header): name for header, name in self.nameable.items()}
        return spelt | {normalise(name): name for name in self.known if name in PLACEHOLDERS}

    def place(self, name: str) -> int | None:
        """Return where a column stands, by our name or a metadata header."""
        return self.known.get(name, self.metadata.get(name))

    def header(self, name: str) -> str:
        """Return a column's header as typed; our own name where the sheet has no such column."""
        index = self.place(name)
        return name if index is None else self.table.columns[index]

    def problem(self, row: int, name: str, value: str, message: str, summary: str = "") -> CellProblem:
        """Return a problem of a cell, by our name of the column or a metadata header."""
        index = self.place(name)
        return CellProblem(row, "" if index is None else letter(index), self.header(name), value, message, summary)

    def problems(self) -> Iterator[CellProblem]:
        """Yield what makes every row bad: no prompt column, two columns of one meaning, no rows."""
        if "prompt" not in self.known:
            yield self._about_sheet(_no_prompt(self.table))
        for index, name in self.doubled.items():
            if name:
                yield self._about_doubled(index, name)
        if not self.table.rows:
            yield self._about_sheet("no rows stand below this header. Write a prompt into the next row.")

    def warnings(self) -> Iterator[CellProblem]:
        """Yield headers that nearly spell a column of ours, and metadata headers that stand twice."""
        for index, name in self.doubled.items():
            if not name:
                yield self._about_doubled(index, name)
        for header, index in self.metadata.items():
            meant = typo_of(header)
            if meant and meant not in self.known and meant != "prompt":
                yield self._about_header(
                    index, f"isn't a column we know. Did you mean {meant}? It is carried along as it stands."
                )

    def _about_sheet(self, message: str) -> CellProblem:
        return CellProblem(self.table.header_row, "", "", "", message)

    def _about_header(self, index: int, message: str) -> CellProblem:
        return CellProblem(self.table.header_row, letter(index), self.table.columns[index], "", message)

    def _about_doubled(self, index: int, name: str) -> CellProblem:
        first = self.known[name] if name else self.metadata[_key(self.table.columns[index])]
        other = f"column {letter(first)} '{shown(self.table.columns[first])}'"
        if not name:
            return self._about_header(index, f"has the same header as {other}. Only that one is read.")
        both = " A cell may say tiktok 9:16." if name == "placements" else ""
        return self._about_header(index, f"means {name}, and so does {other}. Keep one, or rename the other.{both}")


PLACEHOLDERS = frozenset(("brief_id", "placements", "duration_s", "model", "locale", "cta", "notes"))
"""Columns of ours that a prompt may name."""


def _headers(table: Table) -> Iterator[tuple[int, str]]:
    for index, header in enumerate(table.columns):
        if header.strip() and not is_result(header):
            yield index, header


def _key(header: str) -> str:
    return " ".join(header.split()).replace("{", "(").replace("}", ")")


def _no_prompt(table: Table) -> str:
    headers = [shown(header) for _, header in _headers(table)]
    near = nearest_to_prompt(headers)
    hint = f" If '{near}' holds the prompts, rename it." if near else ""
    listed = ", ".join(f"'{header}'" for header in headers[:12]) + (", …" if len(headers) > 12 else "")
    return f"no column is called 'prompt'. The columns are {listed}.{hint}"
