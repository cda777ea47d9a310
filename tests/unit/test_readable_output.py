"""Terminals and pipes whose encoding lacks characters: no command fails, and typographic characters stay readable."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.child_python import PYTHON, isolated_environment
from adapters.readable_output import ALIKE, make_output_readable
from app.cli.main import main
from app.cli.output import console, errors
from flows.runtime.process_setup import process_settings

ENCODINGS = ("ascii", "cp1252", "latin-1", "cp437", "shift_jis", "utf-8")
PROMPT = "a red circle – “café” 日本語 🎈 × …"


def printed(encoding: str, *words: str) -> tuple[int, str]:
    """Call ``reelmill`` with standard output and error in an encoding; return the exit code and the output."""
    out = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    err = io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace")
    code = 0
    with (
        patch.object(sys, "argv", ["reelmill", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        console.file, errors.file = out, err
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            console.file = errors.file = None
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    return code, "".join(texts)


@pytest.fixture
def sheet(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    path = tmp_path / "spring – été.csv"
    path.write_text(f'brief_id,prompt,placements\nété,"{PROMPT}",16:9|1:1\n')
    return path


COMMANDS = {
    "help": ("--help",),
    "help of run": ("run", "--help"),
    "models": ("models",),
    "a model": ("models", "show", "wan2.1-t2v-1.3b"),
    "validate": ("validate", "SHEET"),
    "plan": ("plan", "SHEET"),
    "status": ("status",),
    "runs": ("runs",),
    "alerts": ("alerts",),
    "accounts": ("accounts", "list"),
    "signer": ("signer",),
    "sweep": ("sweep",),
    "an unknown campaign": ("status", "été – 日本語"),
    "an unknown option": ("run", "--été–"),
}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_no_command_fails_because_of_a_character(sheet, encoding, words):
    wanted = printed("utf-8", *(str(sheet) if word == "SHEET" else word for word in words))
    code, text = printed(encoding, *(str(sheet) if word == "SHEET" else word for word in words))
    assert code == wanted[0], text
    assert "UnicodeEncodeError" not in text
    assert text.strip()


def test_doctor_prints_its_findings_in_ascii(sheet, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)  # that of a server which other tests use
    code, text = printed("ascii", "doctor")
    assert code == 0, text
    assert "signer" in text


def test_json_loses_nothing(sheet):
    for encoding in ENCODINGS:
        _, text = printed(encoding, "validate", str(sheet), "--json")
        assert json.loads(text) == json.loads(printed("utf-8", "validate", str(sheet), "--json")[1])


def test_typographic_characters_become_similar_ones(sheet, monkeypatch, capsys):
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    make_output_readable()
    print("5 – 10 × 2 … “quoted” é\udcff")
    out.flush()
    assert out.buffer.getvalue() == b'5 - 10 x 2 ... "quoted" ??\n'
    assert all(text.isascii() for text in ALIKE.values())


def test_a_chosen_error_handler_is_kept(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), "ascii", errors="namereplace")
    monkeypatch.setattr(sys, "stdout", out)
    make_output_readable()
    assert out.errors == "namereplace"


@given(st.text(), st.sampled_from(ENCODINGS))
def test_any_text_can_be_printed(text, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding)
    with contextlib.redirect_stdout(out):
        make_output_readable()
        print(text)
        out.flush()


def test_the_programs_of_up_print_any_name(sheet, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with process_settings():
        print("spring – été.csv: accepted")
    out.flush()
    assert out.buffer.getvalue() == b"spring - ?t?.csv: accepted\n"


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_the_program_prints_tables_with_such_an_environment(sheet, variables):
    ended = subprocess.run(
        [*PYTHON, "-c", "from app.cli.main import main; main()", "plan", str(sheet)],
        env={**isolated_environment(), **variables, "PYTHONUTF8": "0", "REELMILL_HOME": os.environ["REELMILL_HOME"]},
        capture_output=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert b"|" in ended.stdout
    assert b"Traceback" not in ended.stderr
