"""Save the figures of a GPU session for docs/performance.md: ``python -m infra.gpu.adopt results.json``."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import results_file
from benchmarks.harness.result import Result
from infra.gpu.session import FAILED, PASSED

SHORT_COMMIT = 12


def adopt(session: dict[str, Any]) -> list[str]:
    """Save the benchmarks of a session as measured, met limits or not; return their names.

    Raises:
        ValueError: the session used tiny networks, so its figures mean nothing.
    """
    if session["tiny"]:
        raise ValueError("These figures are of tiny networks, which only test the code. Run the session without --tiny")
    names = []
    for stage in session["stages"]:
        found = stage["found"] or {}
        if "result" in found and stage["status"] in (PASSED, FAILED):  # failed: a limit was missed
            result = Result.from_json(found["result"])
            results_file.save(result, session["commit"][:SHORT_COMMIT], found["machine"])
            names.append(result.name)
    return names


def main(arguments: Sequence[str]) -> int:
    """Save the results of a file; return the exit code."""
    if len(arguments) != 1:
        print("Name the results.json of a session: python -m infra.gpu.adopt results.json", file=sys.stderr)
        return 2
    try:
        names = adopt(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        print(f"{arguments[0]} cannot be used: {error}.", file=sys.stderr)
        return 1
    print(f"Saved {', '.join(names) or 'nothing: no benchmark has a result'}. Run: python -m benchmarks.page")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
