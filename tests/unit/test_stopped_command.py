"""What the command line prints after Ctrl-C."""

import sys

import pytest

from app.cli import main as program


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run", "sheet.csv"], "Stopped. Re-run the same command to resume."),
        (["--debug", "resume", "spring"], "Stopped. Re-run the same command to resume."),
        (["review", "--no-browser"], "Stopped."),
        (["up"], "Stopped."),
        (["alerts", "list"], "Stopped."),
    ],
)
def test_only_work_that_can_be_resumed_says_so(words, text, monkeypatch, capsys):
    def interrupt() -> None:
        raise SystemExit(program.INTERRUPTED)

    monkeypatch.setattr(program, "app", interrupt)
    monkeypatch.setattr(sys, "argv", ["reelmill", *words])
    with pytest.raises(SystemExit):
        program.main()
    assert capsys.readouterr().err == f"{text}\n"
