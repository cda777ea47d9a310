"""The kept results, docs/performance/results.json: the latest of each name, with its machine and commit."""

import json
from typing import Any, NamedTuple

from benchmarks.machine import ROOT
from benchmarks.result import Result

PATH = ROOT / "docs" / "performance" / "results.json"
SHOWN = PATH.relative_to(ROOT).as_posix()


class Kept(NamedTuple):
    """A result with the commit and the machine (see machine.describe) that it was measured on."""

    result: Result
    commit: str
    machine: dict[str, Any]


def save(result: Result, commit: str, machine: dict[str, Any]) -> None:
    """Put a result in place of the last one of its name. What could not be measured replaces nothing."""
    kept = load()
    if result.not_measured and result.name in kept:
        return
    kept[result.name] = Kept(result, commit, machine)
    content = {
        name: {"commit": one.commit, "machine": one.machine, "result": one.result.to_json()}
        for name, one in sorted(kept.items())
    }
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load() -> dict[str, Kept]:
    """All kept results by name."""
    if not PATH.exists():
        return {}
    content = json.loads(PATH.read_text(encoding="utf-8"))
    return {name: Kept(Result.from_json(one["result"]), one["commit"], one["machine"]) for name, one in content.items()}
