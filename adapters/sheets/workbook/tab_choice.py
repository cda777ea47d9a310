"""Choice of the tab that is read: the one whose header names most of our columns."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from adapters.sheets.file_kind import EMPTY
from adapters.sheets.workbook.tab import Tab, TabCells
from manifests.errors import UnreadableSheetError
from manifests.sheet.columns import is_result, name_of, normalise
from manifests.sheet.header import header_index, known_in
from manifests.sheet.reading import UnreadTab
from manifests.sheet.table import Row

SEARCHED = 200
"""Number of rows that are searched for a header."""
OWN_TABS = {
    "Errors": ("Row", "Column", "Kind"),
    "Warnings": ("Row", "Column", "Kind"),
    "Columns": ("Column", "Meaning", "Allowed values"),
    "Models": ("model",),
}
"""Tabs that we add to templates and annotated copies, with the start of their headers."""
_TITLES = 2
"""Number of rows in which the header of our tabs is; a title can be above it."""
RESULT_TABS = ("Errors", "Clips")
"""Tabs that we add to results sheets."""


@dataclass(frozen=True)
class Candidate:
    """A tab that may be read.

    Attributes:
        tab: the tab.
        cells: its cells; None if it cannot be read.
        rows: the rows that are read.
        error: why it cannot be read.
    """

    tab: Tab
    cells: TabCells | None
    rows: list[Row]
    error: UnreadableSheetError | None = None

    @cached_property
    def index(self) -> int:
        """Index of the header among the rows."""
        return header_index([row.cells for row in self.rows[:SEARCHED]])

    @property
    def header(self) -> Sequence[str]:
        """The header; empty for a tab without rows."""
        return self.rows[self.index].cells if self.rows else ()

    @property
    def below(self) -> list[Row]:
        """The rows below the header."""
        return self.rows[self.index + 1 :]

    @cached_property
    def known(self) -> int:
        """How many of our columns the header names, see ``known_in``."""
        return known_in(self.header)

    def prompts(self) -> Iterator[str]:
        """Yield the texts of the prompt column."""
        columns = [index for index, cell in enumerate(self.header) if name_of(cell) == "prompt"]
        for row in self.below:
            text = row.cell(columns[0]).strip() if columns else ""
            if text:
                yield text

    def is_of_ours(self, has_results: bool) -> bool:
        """Return whether we added the tab to a workbook; the campaign itself is not on it."""
        start = OWN_TABS.get(self.tab.name)
        if has_results and self.tab.name in RESULT_TABS:
            return True
        return start is not None and any(row.cells[: len(start)] == start for row in self.rows[:_TITLES])


@dataclass(frozen=True, slots=True)
class Choice:
    """The tab that is read.

    Attributes:
        chosen: the tab.
        by_default: the tab that is read if no name is given.
        unread: other tabs with a prompt column.
        errors: other tabs that cannot be read, with the reasons.
    """

    chosen: Candidate
    by_default: Candidate | None
    unread: tuple[UnreadTab, ...]
    errors: tuple[tuple[str, str], ...]


def choose_tab(tabs: Sequence[Tab], name: str, include_hidden: bool) -> Choice:
    """Return the tab with a name, or the best visible one if the name is empty.

    Raises:
        UnreadableSheetError: there is no such tab, or no visible tab has data, or the tab cannot be read.
    """
    wanted = tab_called(tabs, name) if name else None
    candidates = [_candidate(tab, include_hidden) for tab in tabs]
    default = _default(candidates)
    chosen = next((each for each in candidates if each.tab is wanted), None) or default
    if chosen is None:
        raise UnreadableSheetError(_nothing(candidates))
    if chosen.error:
        raise chosen.error
    others = [each for each in candidates if each is not chosen]
    prompting = [each for each in others if is_campaign(each, candidates)]
    unread = tuple(UnreadTab(each.tab.name, len(each.below), each.tab.hidden) for each in prompting)
    errors = tuple((each.tab.name, str(each.error)) for each in others if each.error)
    return Choice(chosen, default, unread, errors)


def tab_called(tabs: Sequence[Tab], name: str) -> Tab:
    """Return the tab with a name; case and spaces around it do not matter if only one tab fits.

    Raises:
        UnreadableSheetError: there is none.
    """
    exact = [tab for tab in tabs if tab.name == name]
    alike = exact or [tab for tab in tabs if _folded(tab.name) == _folded(name)]
    if len(alike) == 1 or exact:
        return alike[0]
    folded = {_folded(tab.name): tab.name for tab in tabs}
    near = get_close_matches(_folded(name), folded, 1, 0.6)
    meant = f"Did you mean '{folded[near[0]]}'? " if near and not alike else ""
    names = ", ".join(f"'{tab.name}'" for tab in tabs)
    raise UnreadableSheetError(f"has no tab '{name}'. {meant}Use one of its tabs: {names}")


def is_campaign(candidate: Candidate, candidates: Iterable[Candidate]) -> bool:
    """Return whether a tab has prompts below a prompt column, and is not a list that explains our columns."""
    if not candidate.rows or candidate.known < 3:
        return False
    prompts = list(candidate.prompts())
    has_results = any(is_result(cell) for each in candidates for cell in each.header)
    if not prompts or candidate.is_of_ours(has_results):
        return False
    headers = {normalise(cell) for each in candidates if each is not candidate for cell in each.header}
    return 2 * sum(1 for prompt in prompts if _is_header(prompt, headers)) < len(prompts)


def _is_header(text: str, headers: Container[str]) -> bool:
    return len(text) < 100 and (name_of(text) is not None or normalise(text) in headers)


def _candidate(tab: Tab, include_hidden: bool) -> Candidate:
    try:
        cells = tab.read()
    except UnreadableSheetError as error:
        return Candidate(tab, None, [], error)
    return Candidate(tab, cells, cells.visible(include_hidden))


def _default(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the best visible tab; of equally good ones the first."""
    visible = [each for each in candidates if not each.tab.hidden and (each.error or (each.cells and each.cells.rows))]
    return max(visible, key=lambda each: _score(each, candidates), default=None)


def _score(candidate: Candidate, candidates: Sequence[Candidate]) -> tuple[bool, bool, int]:
    return is_campaign(candidate, candidates), bool(candidate.rows), candidate.known


def _nothing(candidates: Sequence[Candidate]) -> str:
    if any(each.rows for each in candidates):
        return "has no data on its visible tabs. Unhide the tab with the prompts"
    return EMPTY


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
