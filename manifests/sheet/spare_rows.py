"""Rows without a brief: running numbers, check boxes, formulas that were filled down, totals, headers, comments."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from manifests.sheet.cells import EXCEL_ERRORS, clean
from manifests.sheet.columns import is_result, name_of, normalise
from manifests.sheet.problem import CellProblem, shown
from manifests.sheet.row_ranges import row_ranges
from manifests.sheet.table import Row, Table

FILLED_DOWN = 5
"""Equal values, or names with running numbers, in so many rows in succession were filled down."""
CONTENT = frozenset(
    ("prompt", "negative_prompt", "cta", "first_frame", "last_frame", "reference_pictures", "continue_from", "notes")
)
"""Columns whose text is written for a clip, which therefore never counts as filled down."""
FLAGS = frozenset(
    [
        "true",
        "false",
        "wahr",
        "falsch",
        "vrai",
        "faux",
        "verdadero",
        "falso",
        "vero",
        "waar",
        "onwaar",
        "prawda",
        "fałsz",
        "истина",
        "ложь",
        "doğru",
        "yanlış",
        "falsk",
        "tosi",
        "epätosi",
        "igaz",
        "hamis",
        "pravda",
        "nepravda",
        "☐",
        "☑",
        "☒",
        "□",
        "■",
        "✓",
        "✔",
        "✗",
        "✘",
    ]
)
TOTALS = frozenset(
    (
        *[
            "total",
            "totals",
            "totaal",
            "totale",
            "totalt",
            "totaux",
            "gesamt",
            "gesamtsumme",
            "insgesamt",
            "summe",
            "sum",
            "sums",
            "subtotal",
            "somme",
            "suma",
            "soma",
        ],
        *[
            "summa",
            "razem",
            "celkem",
            "összesen",
            "toplam",
            "yhteensä",
            "итого",
            "всего",
            "合计",
            "总计",
            "小计",
            "合計",
            "總計",
            "小計",
            "総計",
            "합계",
            "총계",
            "المجموع",
            "الإجمالي",
        ],
        *("grand total", "sub total", "total général", "total general", "total geral", "i alt", "sous total"),
        *("zwischensumme", "tussentotaal", "subtotaal", "totale complessivo", "סך הכל", "סהכ", "summe gesamt"),
    )
)
NO_PROMPTS = frozenset(
    (
        *("n/a", "n.a.", "n. a.", "na", "n/a.", "not applicable", "tbd", "t.b.d.", "tba", "t.b.a.", "tbc", "todo"),
        *("to do", "to be defined", "to be done", "to be determined", "to be confirmed", "to come", "tk", "wip"),
        *("k.a.", "k. a.", "entfällt", "offen", "folgt", "à définir", "n/d"),
        *("s/o", "por definir", "da definire", "b.d.", "nvt", "n.v.t.", "xx", "xxx", "xxxx", "?", "??", "???"),
        *("-", "--", "---", "–", "—", "―", "...", "…", "/", "."),
    )
)
"""Texts that people put in place of a prompt that is missing."""
SHOWN_VALUES = 4
_NUMBER = re.compile(r"[-+]?[\d\s.,'’]*\d[\s%€$£¥]*|[€$£¥]\s*[\d.,]+")
_BLANK = re.compile(r"[-–—_.…/\\*·•:,;]{1,6}")
"""Signs that stand for nothing, or that a formula puts between empty cells."""
_SERIES = re.compile(r"(.*?)0*(\d{1,15})")
_COMMENT = re.compile(r"(#|//|;|--)(\s|#|/|-|$)")


@dataclass(slots=True)
class SpareRows:
    """The rows of a table that are no briefs, with the reason for each.

    Attributes:
        reasons: reason and details, by row number.
    """

    reasons: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table, prompt: int) -> "SpareRows":
        """Find the rows without a brief.

        Args:
            prompt: index of the column of the prompts.
        """
        found = cls()
        for place, row in enumerate(table.rows):
            if reason := _reason(table, place, row, prompt):
                found.reasons[row.number] = reason
        return found

    @property
    def sentences(self) -> dict[int, str]:
        """The reason for each row in words, such as ``only FALSE in 'done'``."""
        return {number: f"{reason} {', '.join(details)}".strip() for number, (reason, details) in self.reasons.items()}

    def warnings(self, table: Table) -> Iterator[CellProblem]:
        """Yield one warning for all rows with the same reason."""
        for reason in dict.fromkeys(reason for reason, _ in self.reasons.values()):
            numbers = [number for number, (other, _) in self.reasons.items() if other == reason]
            details = list(dict.fromkeys(each for number in numbers for each in self.reasons[number][1]))
            listed = ", ".join(details[:SHOWN_VALUES]) + (", …" if len(details) > SHOWN_VALUES else "")
            what = f"{reason} {listed}".strip()
            several = len(numbers) > 1
            message = f"contain{'' if several else 's'} no brief ({what}) and {'are' if several else 'is'} skipped."
            rows = f"Rows {row_ranges(numbers, (row.number for row in table.rows))}" if several else f"Row {numbers[0]}"
            yield CellProblem(numbers[0], "", "", "", message, rows=rows)


def _reason(table: Table, place: int, row: Row, prompt: int) -> tuple[str, tuple[str, ...]] | None:
    filled = {index: text for index, cell in enumerate(row.cells) if (text := clean(cell))}
    cells = {index: text for index, text in filled.items() if not _is_ours(table, index)}
    if filled and not cells:
        return "only", ("results of an earlier run",)
    if not cells or (table.delimiter and len(row.cells) > len(table.columns)):
        return None
    first = next(iter(cells.values()))
    if all(index < len(table.columns) and _is_header(text, table.columns[index]) for index, text in cells.items()):
        return "the header again", ()
    if _COMMENT.match(first) or (first.startswith("#") and prompt not in cells and first not in EXCEL_ERRORS):
        return "a comment", ()
    if _is_total(cells, prompt):
        return "a total", ()
    if prompt in cells and (cells[prompt] in EXCEL_ERRORS or (row.number, prompt) in table.formulas):
        return None  # an error of its own, which may hide a prompt
    if is_total(cells.get(prompt, "")) and not _has_content(table, cells, prompt):
        return "a total", ()
    if cells.get(prompt, "").casefold() in NO_PROMPTS:
        return "the prompt is only", (f"'{shown(cells[prompt])}'",)
    details = [_filler(table, place, index, text, prompt) for index, text in cells.items()]
    return ("only", tuple(detail for detail in details if detail)) if all(details) else None


def _is_ours(table: Table, index: int) -> bool:
    """Return whether a column was written by us: the results of a row without a brief do not make it one."""
    return index < len(table.columns) and is_result(table.columns[index])


def is_total(text: str) -> bool:
    """Return whether a text is only a word such as ``Total``."""
    return normalise(text) in TOTALS


def _has_content(table: Table, cells: dict[int, str], prompt: int) -> bool:
    """Return whether a row has a text that is written for a clip, in addition to its prompt."""
    headers = (table.columns[index] for index in cells if index != prompt and index < len(table.columns))
    return any(name_of(header) in CONTENT for header in headers)


def _is_header(text: str, header: str) -> bool:
    own, other = normalise(text), normalise(header)
    return bool(own) and own == other


def _is_total(cells: dict[int, str], prompt: int) -> bool:
    totals = [index for index, text in cells.items() if normalise(re.sub(r"[\d:()%]", " ", text)) in TOTALS]
    others = (text for index, text in cells.items() if index not in totals)
    is_plain = all(_NUMBER.fullmatch(text) or _is_flag(text) or text in EXCEL_ERRORS for text in others)
    return bool(totals) and is_plain and (prompt not in cells or prompt in totals)


def _filler(table: Table, place: int, index: int, text: str, prompt: int) -> str:
    """Return what a cell holds if it is no content, such as ``FALSE in 'done'``; empty if it is content."""
    header = table.columns[index] if index < len(table.columns) else ""
    where = f" in '{shown(header)}'" if header.strip() else ""
    row = table.rows[place]
    if (row.number, index) in table.formulas and index != prompt:
        return f"formulas{where}"
    if _is_flag(text) or text in EXCEL_ERRORS:
        return text + where
    if _BLANK.fullmatch(text):
        return f"'{shown(text)}'{where}"
    if _NUMBER.fullmatch(text):
        return f"numbers{where}" if _is_running(table.rows, place, index, text) else ""
    if name_of(header) in CONTENT or not _is_filled_down(table.rows, place, index, prompt):
        return ""
    return f"'{shown(text)}'{where}"


def _is_flag(text: str) -> bool:
    return text.casefold() in FLAGS


def _is_running(rows: Sequence[Row], place: int, index: int, text: str) -> bool:
    """Return whether a number is 0, the number of its row, or continues the numbers above or below it."""
    value = _value(text)
    if value in (0, None):
        return value == 0
    around = [_value(clean(rows[near].cell(index))) for near in (place - 1, place + 1) if 0 <= near < len(rows)]
    return value in (place + 1, rows[place].number) or any(
        other is not None and abs(value - other) <= 1 for other in around
    )


def _value(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _is_filled_down(rows: Sequence[Row], place: int, index: int, prompt: int) -> bool:
    """Return whether rows without a prompt in succession hold the same text, or the same text with running numbers."""
    length = 1
    for step in (-1, 1):
        near = place
        while length < FILLED_DOWN and 0 <= near + step < len(rows):
            if rows[near + step].cell(prompt).strip() or not _follows(rows, near, near + step, index):
                break
            near += step
            length += 1
    return length >= FILLED_DOWN and not rows[place].cell(prompt).strip()


def _follows(rows: Sequence[Row], place: int, near: int, index: int) -> bool:
    own, other = (clean(rows[each].cell(index)) for each in (place, near))
    if own == other:
        return True
    one, two = _SERIES.fullmatch(own), _SERIES.fullmatch(other)
    return bool(one and two and one[1] == two[1] and int(two[2]) - int(one[2]) == near - place)
