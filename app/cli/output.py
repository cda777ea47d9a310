"""Output of commands: text for people, JSON for programs, one message for an error."""

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console

from adapters.readable_output import can_represent
from flows.settings import load_settings
from manifests.errors import ReelmillError
from manifests.system_errors import DISK_FULL, FREE_SPACE, system_error_text

console = Console(emoji=False)
errors = Console(stderr=True, emoji=False)


def say(text: str = "", indent: int | None = None) -> None:
    """Print text for people, wrapped between words; square brackets are text, not markup.

    Args:
        indent: spaces before the second and later lines of a wrapped line; by default those of the line itself.
    """
    _print(console, text, indent)


def say_json(value: Any) -> None:
    """Print a result for programs; nothing is lost if the encoding of the output lacks a character."""
    text = json.dumps(value, indent=2, default=str, ensure_ascii=False)
    if not can_represent(sys.stdout, text):
        text = json.dumps(value, indent=2, default=str, ensure_ascii=True)
    typer.echo(text)


def warn(text: str) -> None:
    """Print text to standard error, wrapped between words."""
    _print(errors, text)


def _print(target: Console, text: str, indent: int | None = None) -> None:
    width = columns_wanted()
    if width or target.is_terminal:
        text = "\n".join(_wrapped(line, width or target.width, indent) for line in text.split("\n"))
    target.print(text, markup=False, highlight=False, soft_wrap=True)


def columns_wanted() -> int:
    """Return the width set by the variable COLUMNS, or 0; without it, text for a pipe or a file is not wrapped."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() else 0


def _wrapped(line: str, width: int, indent: int | None) -> str:
    """Break a line between words; a word that is longer than the width stays in one piece."""
    prefix = " " * (len(line) - len(line.lstrip()) if indent is None else indent)
    lines = [""]
    for word in re.findall(r"\s*\S+", line):
        if lines[-1].strip() and cell_len(lines[-1] + word) > width:
            lines.append(prefix + word.lstrip())
        else:
            lines[-1] += word
    return "\n".join(lines)


def seconds_text(seconds: float) -> str:
    """Return ``48 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def sentence_of(error: BaseException) -> str:
    """Return an error as one message for people."""
    if isinstance(error, ReelmillError):
        return str(error)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return _full_disk_text(error.filename)
    if isinstance(error, OSError) and error.strerror:
        return system_error_text(error, os.fsdecode(error.filename) if error.filename else None)
    if type(error).__module__.partition(".")[0] in ("prefect", "httpx"):
        return _prefect_text(error)
    return f"{type(error).__name__}: {error}. Run the command again with --debug to see the traceback."


def _prefect_text(error: BaseException) -> str:
    """Return the message for a request that Prefect's server rejected or did not answer; its disk may be full."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return (
        f"The Prefect server failed ({first}). Check that its disk has space (`df -h`) and read its log, which is "
        "prefect-server.log in REELMILL_HOME unless PREFECT_API_URL is set. Then run the command again."
    )


def _full_disk_text(path: str | bytes | None) -> str:
    """Name the path that the system reports, or else the folder that most files are written to."""
    if path:
        full = os.fsdecode(path)
    else:
        try:
            full = f"{load_settings().home} or the output folder"
        except ReelmillError:
            full = "REELMILL_HOME or the output folder"
    return f"The disk that contains {full} is full. {FREE_SPACE}"


def states_text(states: Mapping[str, int]) -> str:
    """Return ``2 failed, 14 published``."""
    return ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "no variants"
