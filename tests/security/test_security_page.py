"""Checks of docs/security.md: every row of its threat table names tests that exist, and no attack is left out."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and not re.match(r"\|[-| ]+\|$", line)
]
THREATS = [row for row in ROWS if len(row) == 4 and row[0] != "asset"]


def functions_of(path: Path) -> set[str]:
    """Return the names of the functions of a file, also those in classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[1][:60])
def test_every_control_has_a_test_that_exists(row: list[str]):
    named = TEST.findall(row[3])
    assert named, f"The row {row[1]!r} names no test."
    for path, name in named:
        assert (ROOT / path).is_file(), f"{path} does not exist."
        assert not name or name in functions_of(ROOT / path), f"{path} has no test {name}."


def test_every_attack_is_in_the_table():
    named = {path for row in THREATS for path, _ in TEST.findall(row[3])}
    attacks = {path.relative_to(ROOT).as_posix() for path in Path(__file__).parent.glob("test_*.py")}
    assert attacks - named == {Path(__file__).relative_to(ROOT).as_posix()}
