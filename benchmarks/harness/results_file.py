"""The saved results, docs/performance/results.json: the latest result of each name, with its machine and commit."""

import json
from typing import Any, NamedTuple

from benchmarks.harness.machine import ROOT
from benchmarks.harness.result import Result

PATH = ROOT / "docs" / "performance" / "results.json"
SHOWN = PATH.relative_to(ROOT).as_posix()


class SavedResult(NamedTuple):
    """A result with the commit and the machine (see machine.describe) of the measurement."""

    result: Result
    commit: str
    machine: dict[str, Any]


def save(result: Result, commit: str, machine: dict[str, Any]) -> None:
    """Save a result in place of the last one with its name. A result that was not measured replaces nothing."""
    saved = load()
    if result.not_measured and result.name in saved:
        return
    saved[result.name] = SavedResult(result, commit, machine)
    content = {
        name: {"commit": one.commit, "machine": one.machine, "result": one.result.to_json()}
        for name, one in sorted(saved.items())
    }
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load() -> dict[str, SavedResult]:
    """Return all saved results by name."""
    if not PATH.exists():
        return {}
    content = json.loads(PATH.read_text(encoding="utf-8"))
    return {
        name: SavedResult(Result.from_json(one["result"]), one["commit"], one["machine"])
        for name, one in content.items()
    }
