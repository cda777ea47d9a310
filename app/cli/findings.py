"""Print the errors and warnings of a sheet."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from app.cli.output import say, warn
from manifests.sheet import CellProblem
from tasks.intake.finding_lines import error_lines, warning_lines

SHOWN_KINDS = 12
"""Lines of warnings that are shown."""


def show_errors(problems: Sequence[CellProblem], sheet: Path) -> None:
    """Print the errors of a sheet that was validated."""
    lines = error_lines(problems)
    for line in lines:
        say(line)
    if len(lines) < len(problems):
        say(_all_of("errors", sheet))


def show_skipped(problems: Sequence[CellProblem], sheet: Path) -> None:
    """Print why rows of a sheet are skipped."""
    lines = error_lines(problems)
    for line in lines:
        warn(f"Skipped: {line}")
    if len(lines) < len(problems):
        warn(_all_of("skipped rows", sheet))


def show_warnings(warnings: Sequence[CellProblem], rows: int, sheet: Path | None = None) -> None:
    """Print the warnings of a sheet.

    Args:
        rows: number of rows in the sheet.
        sheet: path for the command that lists all warnings; None if there is no such command.
    """
    lines = warning_lines(warnings, rows)
    for line in lines[:SHOWN_KINDS]:
        warn(f"Warning: {line}")
    if sheet and (len(lines) < len(warnings) or len(lines) > SHOWN_KINDS):
        warn(_all_of("warnings", sheet))


def _all_of(what: str, sheet: Path) -> str:
    command = f"reelmill validate {shlex.quote(str(sheet))}"
    return f"To see all {what}, mark them in a copy of the sheet with `{command} --annotate FILE.xlsx`, or use --json."
