"""The meaning of each column of a table."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from manifests.pluralize import one_or_more
from manifests.sheet.columns import (
    FINISHING,
    is_result,
    misspelling_of,
    name_of,
    nearest_to_prompt,
    normalise,
    typo_of,
)
from manifests.sheet.localised import Localised, locales_in, localised_of
from manifests.sheet.problem import CellProblem, shown
from manifests.sheet.second_meaning import hint_on, use_of
from manifests.sheet.table import Table, letter


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns by meaning, with their indexes counted from 0.

    Attributes:
        known: known columns, by our names.
        metadata: all other columns, by their headers (white space collapsed).
        doubled: indexes of columns with the same meaning as an earlier one, with our name; the name is empty for
            duplicate metadata headers.
        doubts: indexes of columns whose header has a second meaning, with what a person should know.
        localised: columns per language such as ``cta_de``, by their headers; they are in ``metadata`` as well.
        locales: canonical language tags in the column ``locale``.
    """

    table: Table
    known: dict[str, int]
    metadata: dict[str, int]
    doubled: dict[int, str]
    doubts: dict[int, str] = field(default_factory=dict)
    localised: dict[str, Localised] = field(default_factory=dict)
    locales: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: Table, texts: Collection[str] = ()) -> "Layout":
        """Sort the headers of a table; of two columns with the same meaning, the first one is used.

        Args:
            texts: names that can have columns per language, such as the placeholders of finish templates.
        """
        known: dict[str, int] = {}
        metadata: dict[str, int] = {}
        doubled: dict[int, str] = {}
        doubts: dict[int, str] = {}
        prompts = _texts(table, next((i for i, header in _headers(table) if name_of(header) == "prompt"), None))
        for index, header in _headers(table):
            name = name_of(header)
            if name == "notes" and name in known:
                name = None
            if name and (use := use_of(header, _texts(table, index), prompts)):
                doubts[index] = use.message
                name = None if use.is_own else name
            meanings, meaning = (known, name) if name else (metadata, _key(header))
            if meanings.setdefault(meaning, index) != index:
                doubled[index] = name or ""
            elif name in FINISHING:
                metadata.setdefault(_key(header), index)
        locales = locales_in(_texts(table, known.get("locale")))
        return cls(table, known, metadata, doubled, doubts, _localised(metadata, locales, texts), locales)

    @property
    def nameable(self) -> dict[str, str]:
        """Headers as typed that a prompt can use in braces, with their names for ``Brief.values``."""
        known = {_key(self.table.columns[i]): name for name, i in self.known.items() if name in PLACEHOLDERS}
        return {key: key for key in self.metadata} | known

    @property
    def names(self) -> dict[str, str]:
        """The names for ``Brief.values`` by normalised header; our own names of the columns are included."""
        spelled: dict[str, str] = {}
        for header, name in self.nameable.items():
            spelled.setdefault(normalise(header), name)
        return spelled | {normalise(name): name for name in self.known if name in PLACEHOLDERS}

    def own(self, typed: str) -> str | None:
        """Return the metadata header that a name in a prompt spells exactly, or None."""
        return typed if typed in self.metadata else None

    def is_hidden(self, header: str) -> bool:
        """Return whether a header is that of a column that was left out because it is hidden."""
        reading = self.table.reading
        hidden = {normalise(column.header) for column in reading.hidden_columns if not reading.hidden_included}
        return normalise(header) in hidden

    def place(self, name: str) -> int | None:
        """Return the index of a column, by our name or a metadata header."""
        return self.known.get(name, self.metadata.get(name))

    def header(self, name: str) -> str:
        """Return a column's header as typed, or our own name if the sheet has no such column."""
        index = self.place(name)
        return name if index is None else self.table.columns[index]

    def problem(self, row: int, name: str, value: str, message: str, summary: str = "") -> CellProblem:
        """Return a problem of a cell; ``name`` is our name of the column or a metadata header."""
        index = self.place(name)
        return CellProblem(row, "" if index is None else letter(index), self.header(name), value, message, summary)

    def hint(self, name: str) -> str:
        """Return what to do if a column's header means something else, for the end of an error; often empty."""
        return hint_on(self.header(name)) if name in self.known else ""

    def problems(self) -> Iterator[CellProblem]:
        """Yield the problems that affect every row: no prompt column, columns with the same meaning, no rows."""
        if "prompt" not in self.known:
            yield self._about_sheet(_no_prompt(self.table))
        for index, name in self.doubled.items():
            if name:
                yield self._about_doubled(index, name)
        if not self.table.rows and not self.table.reading.bad_rows:
            yield self._about_sheet(_no_rows(self.table))

    def warnings(self, used: Collection[str] = ()) -> Iterator[CellProblem]:
        """Yield duplicate metadata headers, and headers that look like a typo of a known column.

        Args:
            used: metadata headers that a prompt uses; these columns have an effect.
        """
        for index, name in self.doubled.items():
            if not name:
                yield self._about_doubled(index, name)
        for index, message in self.doubts.items():
            yield self._about_header(index, message)
        yield from self._alike(used)
        for header, index in self.metadata.items():
            advice = (
                "" if header in used or header in self.localised or name_of(header) else self._advice_on_typo(header)
            )
            if header not in used and (about := self._advice_on_number(header, index)):
                advice = about
            if advice:
                yield self._about_header(
                    index, f"is not a Reelmill column, so its values have no effect on the clips. {advice}"
                )

    def _advice_on_number(self, header: str, index: int) -> str:
        """Return what decides a number that people expect to have an effect, such as a count of clips; often empty."""
        name, texts = normalise(header), [text for text in _texts(self.table, index) if text.strip()]
        if name in _COUNTS and texts and all(re.fullmatch(r"\s*[x×]?\s*\d+\s*[x×]?\s*", text) for text in texts):
            if "variants" not in self.known:
                return "If it is the number of clips, rename it to 'variants'."
            return f"The number of clips is in the column '{shown(self.header('variants'))}'."
        return _DECIDED.get(name, "") if texts else ""

    def _alike(self, used: Collection[str]) -> Iterator[CellProblem]:
        """Yield a warning for each metadata header that a prompt cannot tell from an earlier one in every spelling."""
        first: dict[str, str] = {}
        for header, index in self.metadata.items():
            other = first.setdefault(normalise(header), header)
            is_same = other.casefold() == header.casefold()
            if other != header and (is_same or (normalise(header) and {other, header} & set(used))):
                kept = f"column {letter(self.metadata[other])} '{shown(self.table.columns[self.metadata[other]])}'"
                differs = "only in capitals" if is_same else "only in capitals or signs"
                yield self._about_header(
                    index,
                    f"differs {differs} from {kept}. In a prompt, {{{header}}} is this column, and {{{other}}} and "
                    "every other spelling is the other one. Rename one of them.",
                )

    def _advice_on_typo(self, header: str) -> str:
        """Return how to fix a metadata header that looks like a typo of a known column, or an empty text."""
        meant = typo_of(header)
        if meant and meant not in self.known and meant != "prompt":
            return f"Did you mean '{meant}'? Rename it, or keep it to use it in prompts as {{{shown(header)}}}."
        meant = misspelling_of(header)
        if meant in self.known:
            column = letter(self.known[meant])
            return f"Did you mean '{meant}'? The sheet already has that column (column {column}); delete one of them."
        return ""

    def _about_sheet(self, message: str) -> CellProblem:
        return CellProblem(self.table.header_row, "", "", "", message)

    def _about_header(self, index: int, message: str) -> CellProblem:
        return CellProblem(self.table.header_row, letter(index), self.table.columns[index], "", message)

    def _about_doubled(self, index: int, name: str) -> CellProblem:
        first = self.known[name] if name else self.metadata[_key(self.table.columns[index])]
        other = f"column {letter(first)} '{shown(self.table.columns[first])}'"
        if not name:
            return self._about_header(index, f"has the same header as {other} and is ignored. Rename it to keep it.")
        both = " To give a channel and a ratio, write both in one cell: tiktok 9:16." if name == "placements" else ""
        return self._about_header(
            index, f"means {name}, and so does {other}. Delete one of them, or rename it to keep it as a note.{both}"
        )


PLACEHOLDERS = frozenset(("brief_id", "placements", "duration_s", "model", "locale", "cta", "notes"))
"""Known columns that a prompt can use."""
_COUNTS = frozenset(
    (
        *("count", "counts", "clips", "clip count", "number", "number of clips", "no of clips", "num clips", "amount"),
        *(
            "quantity",
            "quantities",
            "qty",
            "shots",
            "number of shots",
            "videos",
            "number of videos",
            "copies",
            "n clips",
        ),
        *(
            "versions",
            "number of versions",
            "outputs",
            "number of outputs",
            "repeat",
            "repeats",
            "repetitions",
            "batch",
        ),
        *(
            "iterations",
            "generations",
            "batch size",
            "clips count",
            "total clips",
            "how many",
            "times",
            "runs",
            "units",
        ),
        *(
            "anzahl",
            "anzahl clips",
            "anzahl der clips",
            "menge",
            "stück",
            "stückzahl",
            "nombre",
            "quantité",
            "cantidad",
        ),
        *("número", "quantità", "quantidade", "aantal", "liczba", "ilość", "antal", "количество", "数量", "本数"),
    )
)
"""Headers of columns with a number of clips."""
_FPS = "The model decides how many frames a second has."
_SIZE = "The model and the aspect ratio decide the size in pixels."
_DECIDED = {
    **dict.fromkeys(("fps", "frame rate", "framerate", "frames per second", "bildrate"), _FPS),
    **dict.fromkeys(("resolution", "resolutions", "size", "dimensions", "pixels", "auflösung", "résolution"), _SIZE),
    **dict.fromkeys(("width", "height", "quality"), _SIZE),
}
"""Who decides what people enter in columns that have no effect."""


def _texts(table: Table, index: int | None) -> list[str]:
    """Return the cells of a column, one for each row."""
    return ["" if index is None else row.cell(index) for row in table.rows]


def _headers(table: Table) -> Iterator[tuple[int, str]]:
    for index, header in enumerate(table.columns):
        if header.strip() and not is_result(header):
            yield index, header


def _localised(metadata: dict[str, int], locales: Collection[str], texts: Collection[str]) -> dict[str, Localised]:
    """Return the columns per language; of two columns for the same text and language, the first one."""
    bases = {normalise(header).replace(" ", "_") for header in metadata}
    found: dict[Localised, str] = {}
    for header in metadata:
        if meaning := localised_of(header, bases, locales, texts):
            found.setdefault(meaning, header)
    return {header: meaning for meaning, header in found.items()}


def _key(header: str) -> str:
    return " ".join(header.split()).replace("{", "(").replace("}", ")")


def _wordiest(table: Table) -> str:
    """Return the header of the own column with the longest texts, or an empty text if there are only short ones."""
    lengths = {}
    for index, header in _headers(table):
        texts = [text for text in _texts(table, index) if text.strip()]
        if texts and not name_of(header):
            lengths[header] = sum(len(text.split()) for text in texts) / len(texts)
    best = max(lengths, key=lambda header: lengths[header], default="")
    return best if lengths.get(best, 0) >= PROMPT_WORDS else ""


PROMPT_WORDS = 4
"""Usual number of words from which a column may contain prompts."""


def _no_rows(table: Table) -> str:
    hidden = (
        0 if table.reading.hidden_included else sum(1 for row in table.reading.hidden_rows if row > table.header_row)
    )
    if not hidden:
        return "there are no rows below the header. Enter a prompt in the next row."
    which = "the only row" if hidden == 1 else f"all {hidden:,} rows"
    return (
        f"{which} below the header {one_or_more(hidden, 'is', 'are')} hidden or filtered out. Unhide "
        f"{one_or_more(hidden, 'it', 'them')}, or include hidden rows (--include-hidden)."
    )


def _no_prompt(table: Table) -> str:
    headers = [shown(header) for _, header in _headers(table)]
    hidden = [column for column in table.reading.hidden_columns if name_of(column.header) == "prompt"]
    if hidden and not table.reading.hidden_included:
        return (
            f"the column '{shown(hidden[0].header)}' (column {letter(hidden[0].column)}) is hidden, and no other "
            "column contains prompts. Unhide it, or include hidden rows and columns (--include-hidden)."
        )
    near = nearest_to_prompt(headers) or shown(_wordiest(table))
    advice = f"If '{near}' contains the prompts, rename it to 'prompt'." if near else "Add a column 'prompt'."
    listed = ", ".join(f"'{header}'" for header in headers[:12]) + (", …" if len(headers) > 12 else "")
    only = f", only {listed}" if listed else ""
    return f"there is no column 'prompt'{only}. {advice}"
