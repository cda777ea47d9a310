"""Run the command line in this process."""

import sys
from typing import NamedTuple
from unittest.mock import patch

import pytest

from app.cli.main import main
from app.cli.output import console, errors


class Ended(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


def reelmill(capsys: pytest.CaptureFixture[str], *words: object) -> Ended:
    """Call ``reelmill`` with these arguments."""
    capsys.readouterr()
    console.file, errors.file = sys.stdout, sys.stderr
    code = 0
    with patch.object(sys, "argv", ["reelmill", *map(str, words)]):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            console.file = errors.file = None  # pytest's capture of this test is closed when the next test prints
    captured = capsys.readouterr()
    return Ended(code, captured.out, captured.err)
