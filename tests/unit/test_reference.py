"""docs/settings.md and docs/commands.md are generated from the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from app import reference
from app.cli.main import app
from flows.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_pages_are_current(name):
    assert (reference.DOCS / name).read_text() == reference.PAGES[name](), "run `make reference`"


def test_every_setting_has_a_meaning_and_a_section():
    page = reference.settings_page()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert f"`REELMILL_{name.upper()}`" in page
    assert set(reference.SECTIONS) <= set(Settings.model_fields)
    assert next(iter(Settings.model_fields)) in reference.SECTIONS


def test_no_path_of_this_machine_is_in_the_pages():
    for page in reference.PAGES.values():
        assert str(Path.home()) not in page().replace("~", "")


def test_every_command_argument_and_option_has_a_help():
    def walk(name, command):
        assert command.help, name
        for each in command.params:
            assert each.help, f"{name} {each.name}"
        for below, subcommand in getattr(command, "commands", {}).items():
            walk(f"{name} {below}", subcommand)

    walk("reelmill", typer.main.get_command(app))


def test_the_page_has_every_command():
    headings = re.findall(r"^### `reelmill ([a-z -]+[a-z])", reference.commands_page(), re.MULTILINE)
    for name, command in typer.main.get_command(app).commands.items():
        assert name in headings
        for below in getattr(command, "commands", {}):
            assert f"{name} {below}" in headings


def test_a_stale_page_is_reported_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference, "DOCS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    with pytest.raises(SystemExit) as ended:
        reference.main()
    pages = "settings.md, commands.md, columns.md, families.md, providers.md"
    assert ended.value.code == f"Stale: {pages}. Run `make reference`."
    monkeypatch.setattr(sys, "argv", ["reference"])
    reference.main()
    assert reference.stale_pages() == []
    names = ("settings", "commands", "columns", "families", "providers")
    assert capsys.readouterr().out == "".join(f"Wrote docs/{name}.md\n" for name in names)


def test_make_reference_writes_them():
    shown = subprocess.run(["make", "-n", "-C", str(ROOT), "reference"], capture_output=True, text=True, check=True)
    assert "-m app.reference" in shown.stdout
