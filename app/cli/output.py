"""How commands speak: tables for people, JSON for programs, one sentence for errors."""

import errno
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.settings import load_settings
from manifests.errors import ReelmillError

console = Console()
errors = Console(stderr=True)


def say(text: str = "") -> None:
    """Print a line for people; square brackets are text, not markup."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """Print a result for programs."""
    typer.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def warn(text: str) -> None:
    """Print a line to standard error."""
    errors.print(text, markup=False, highlight=False, soft_wrap=True)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings; numbers are set to the right."""
    kept = [list(row) for row in rows]
    table = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in kept) and bool(kept)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        table.add_row(*(plain(cell) for cell in row))
    console.print(table, markup=False)


def plain(cell: object) -> Text:
    """Return a cell as text that Rich takes literally."""
    if isinstance(cell, float):
        return Text(f"{cell:.3f}")
    return Text("–" if cell is None else str(cell))


def seconds_text(seconds: float) -> str:
    """Return ``48 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def sentence_of(error: BaseException) -> str:
    """Return one sentence for a person: our own errors' words, or what the system says."""
    if isinstance(error, ReelmillError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full_disk_text(error.filename)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'The system'}: {error.strerror}; check the path and its rights."
    return f"{type(error).__name__}: {error}; run again with --debug to see where it comes from."


def _full_disk_text(path: str | bytes | None) -> str:
    """Name the path that the system names; where it names none, the folder that most is written to."""
    if path:
        return (
            f"The disk that holds {os.fsdecode(path)} is full; free some space, or move REELMILL_HOME, and run again."
        )
    try:
        home = f"{load_settings().home}, or the folder that was written to,"
    except ReelmillError:
        home = "REELMILL_HOME, or the folder that was written to,"
    return f"The disk that holds {home} is full; free some space, or move REELMILL_HOME, and run again."


def states_text(states: Mapping[str, int]) -> str:
    """Return ``2 failed, 14 published``."""
    return ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "nothing planned"
