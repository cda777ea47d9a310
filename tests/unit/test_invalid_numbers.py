"""Invalid numbers on the command line are reported in plain words, with the range."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from cli_runner import reelmill

from app.cli.main import app

NUMBERS = {"NUMBER", "PORT", "HOURS", "MONEY", "[NUMBER]"}


def numeric_parameters(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command with an invalid value for one of its numeric parameters."""
    for name, below in getattr(command, "commands", {}).items():
        yield from numeric_parameters(below, (*words, name))
    for parameter in command.params:
        if parameter.metavar in NUMBERS:
            option = [name for name in parameter.opts if name.startswith("--")]
            before = [] if option else ["CAMPAIGN"]
            required = [
                "x" for other in command.params if other.param_type_name == "argument" and other.required and option
            ]
            yield (*words, *required, *before, *option[:1], "ten")


ALL = list(numeric_parameters(typer.main.get_command(app)))


def test_all_numeric_parameters_are_found():
    assert len(ALL) >= 12, ALL


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_word_instead_of_a_number_is_reported_in_plain_words(words, capsys):
    ended = reelmill(capsys, *words)
    message = " ".join(ended.err.replace("│", " ").split())
    assert ended.code == 2, message
    assert "'ten' is not a" in message
    assert "number. Enter a" in message
    assert "Input should be" not in message
    assert "parse" not in message


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "x.csv", "--sample", "ten"), "'ten' is not a whole number. Enter a whole number of at least 1."),
        (("run", "x.csv", "--sample", "1.5"), "'1.5' is not a whole number. Enter a whole number of at least 1."),
        (("run", "x.csv", "--sample", "0"), "0 is too small. Enter a number of at least 1."),
        (("run", "x.csv", "--sample", ""), "'' is not a whole number."),
        (("plan", "x.csv", "--max-variants", "-3"), "-3 is too small. Enter a number of at least 1."),
        (("run", "x.csv", "--priority", "1000"), "1000 is too large. Enter a number from -100 to 100."),
        (("review", "--port", "99999"), "99999 is too large. Enter a number from 1 to 65535."),
        (("run", "x.csv", "--budget", "ten"), "'ten' is not an amount of money. Enter a number and a currency, for"),
        (("run", "x.csv", "--budget-hours", "two"), "'two' is not a number. Enter a number."),
    ],
)
def test_the_range_is_named(words, sentence, capsys):
    ended = reelmill(capsys, *words)
    assert ended.code == 2
    assert sentence in " ".join(ended.err.replace("│", " ").split())
