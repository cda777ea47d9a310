"""One line that says how a sheet was read: its encoding or tab, what was left out, and its longest prompt."""

from collections.abc import Iterator

from manifests.pluralize import count_of, counted
from tasks.intake.intake import Intake
from tasks.intake.prompt_length import LongestPrompt


def reading_line(intake: Intake) -> str:
    """Return ``Read spring.xlsx: XLSX, tab 'Ads', 12 rows, 3 hidden rows left out. The longest prompt has …``."""
    line = f"Read {intake.table.path.name}: {', '.join(_parts(intake))}."
    return f"{line} {_longest(intake.longest)}" if intake.longest else line


def _parts(intake: Intake) -> Iterator[str]:
    table, reading = intake.table, intake.table.reading
    kind = f"{reading.kind or 'table'}{f' in {reading.encoding}' if reading.encoding else ''}"
    yield f"{kind}{' (detected)' if reading.is_guess else ''}"
    if table.tab:
        yield f"tab '{table.tab}'"
    if not reading.has_header:
        yield "no header, every row is a prompt"
    yield count_of(intake.row_count, "row")
    if intake.checked.skipped:
        yield counted(len(intake.checked.skipped), "row{s} without a brief skipped")
    fate = "included" if reading.hidden_included else "left out"
    if reading.hidden_rows:
        yield f"{count_of(len(reading.hidden_rows), 'hidden row')} {fate}"
    if reading.hidden_columns:
        yield f"{count_of(len(reading.hidden_columns), 'hidden column')} {fate}"
    if reading.bad_rows:
        yield counted(len(reading.bad_rows), "row{s} that cannot be read")
    if reading.unread_tabs:
        yield counted(len(reading.unread_tabs), "other tab{s} with prompts not read")


def _longest(longest: LongestPrompt) -> str:
    tokens = f"{'' if longest.is_exact else 'at least '}{count_of(longest.tokens, 'token')}"
    return f"The longest prompt (row {longest.row}) has {tokens}; {longest.name} reads {longest.limit:,}."
