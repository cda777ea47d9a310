"""Run everything that needs a GPU, on a machine that may have nothing but Python and the driver.

``python3 infra/gpu/session.py`` builds the environment from a folder of wheels, measures the device, runs the tests
with the mark ``gpu`` and the three GPU benchmarks. Each part has a time limit, and all of them together 25 minutes.
After each part, ``results.json`` is written again, so what was measured is kept if a later part fails, hangs, or the
machine goes away. Only Python's own library is imported.
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from infra.gpu.stages import ENVIRONMENT, LIMITS_S, PROBE, TESTS, Options, Stage, stages_of

ROOT = Path(__file__).resolve().parents[2]
BUDGET_S = 1500.0
BUDGET_HELP = "for all parts. Default: 1500; with more, each part gets more as well"
LEAST_S = 10.0
"""A part with less time than this is not started."""
GRACE_S = 5.0
"""Between the request to end and the end of a process."""
COMMIT = "COMMIT"
"""File of a kit with the commit of its source; git may be missing."""
PASSED, FAILED, TIMED_OUT, SKIPPED, NOT_RUN = "passed", "failed", "timed out", "skipped", "not run"
NEEDED = {ENVIRONMENT: "the environment could not be built", PROBE: "torch cannot use the device"}
"""Why no other part is run if one of these does not pass."""
SUMMARY = re.compile(r"(\d+) (passed|failed|errors?|skipped)")
TAIL, SHOWN = 2000, 200
"""Characters of an output that the results keep, and that are printed."""


@dataclass(frozen=True)
class Outcome:
    """How a part ended.

    Attributes:
        status: PASSED, FAILED, TIMED_OUT, SKIPPED (all of its tests were) or NOT_RUN.
        found: what it has measured.
        why: reason of NOT_RUN, or the end of the output of a part that did not pass.
    """

    name: str
    status: str
    seconds: float = 0.0
    limit_s: float = 0.0
    found: Mapping[str, Any] | None = None
    why: str = ""


class Session:
    """A run of all parts, which keeps its results in a folder.

    Args:
        out: folder of ``results.json`` and ``log.txt``.
        budget_s: seconds for all parts together. With more than BUDGET_S, each part gets proportionally more as well.
    """

    def __init__(self, options: Options, out: Path, budget_s: float) -> None:
        self._options = options
        self._out = out
        self._ends = time.monotonic() + budget_s
        self._patience = max(1.0, budget_s / BUDGET_S)
        self._began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._environment = _environment(options)
        self.outcomes: list[Outcome] = []

    def run(self) -> bool:
        """Run all parts; return whether none of them failed. Without an environment or a device, none is run."""
        self._out.mkdir(parents=True, exist_ok=True)
        broken = ""
        with (self._out / "log.txt").open("w", encoding="utf-8", errors="replace") as log:
            for stage in stages_of(self._options):
                left = self._ends - time.monotonic()
                if broken or left < LEAST_S:
                    self._add(Outcome(stage.name, NOT_RUN, why=broken or "no time was left"))
                    continue
                outcome = self._outcome(replace(stage, limit_s=min(stage.limit_s * self._patience, left)), log)
                self._add(outcome)
                if stage.name in NEEDED and outcome.status != PASSED:
                    broken = NEEDED[stage.name]
        return all(outcome.status in (PASSED, SKIPPED) for outcome in self.outcomes)

    def _add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        print(f"== {outcome.name}: {outcome.status}, {outcome.seconds:.0f} s{_shown(outcome)}", flush=True)
        self._save()

    def _outcome(self, stage: Stage, log: TextIO) -> Outcome:
        print(f"== {stage.name}, at most {stage.limit_s:.0f} s", flush=True)
        log.write(f"\n== {stage.name}: {' '.join(stage.command)[:TAIL]}\n")
        log.flush()
        start, began = log.tell(), time.monotonic()
        code = _run(stage, self._options.root, self._environment, log)
        seconds = time.monotonic() - began
        output = (self._out / "log.txt").read_bytes()[start:].decode(errors="replace")
        status = TIMED_OUT if code is None else _status(stage.name, code, output)
        found = _found(stage) or _counts(stage.name, output)
        return Outcome(
            stage.name, status, seconds, stage.limit_s, found, "" if status == PASSED else output.strip()[-TAIL:]
        )

    def _save(self) -> None:
        """Replace the file, so that it is complete at any time."""
        content = {
            "commit": _commit(self._options.root),
            "began": self._began,
            "python": platform.python_version(),
            "device": self._options.device,
            "tiny": self._options.tiny,
            "stages": [asdict(outcome) for outcome in self.outcomes],
        }
        unfinished = self._out / ".results.json"
        unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(unfinished, self._out / "results.json")


def _shown(outcome: Outcome) -> str:
    """Return the main figure of a part, and the last line of its output if it did not pass."""
    found = outcome.found or {}
    result = found.get("result") or {}
    texts = [
        f"{result['ours']:.4g} {result['unit']}, ratio {result['ratio']:.3g}" if result.get("ratio") else "",
        f"{found['matmul_tflops']:.4g} TFLOP/s, {found['copy_gb_s']:.4g} GB/s" if "matmul_tflops" in found else "",
        (outcome.why.strip().splitlines() or [""])[-1][:SHOWN],
    ]
    return "".join(f"; {text}" for text in texts if text)


def _run(stage: Stage, root: Path, environment: Mapping[str, str], log: TextIO) -> int | None:
    """Run a command with its output to the log; return its exit code, or None if its time was over.

    The command gets a process group of its own, and all of it is ended: a part may have started other processes.
    """
    try:
        child = subprocess.Popen(  # noqa: S603 - commands of this file
            stage.command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        log.write(f"{error}\n")
        log.flush()
        return 127
    try:
        return child.wait(stage.limit_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        if child.poll() is not None and number == signal.SIGTERM:
            continue  # the command itself has ended, but not what it has started
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def _status(name: str, code: int, output: str) -> str:
    if code:
        return FAILED
    counts = _counts(name, output)
    return SKIPPED if counts and not counts.get("passed") else PASSED


def _counts(name: str, output: str) -> dict[str, int] | None:
    """Return how many tests passed, failed and were skipped."""
    if name != TESTS or not output.strip():
        return None
    return {what: int(number) for number, what in SUMMARY.findall(output.strip().splitlines()[-1])}


def _found(stage: Stage) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(stage.found.read_text(encoding="utf-8")) if stage.found else {}
    except (OSError, ValueError):
        return None
    return found or None


def _environment(options: Options) -> dict[str, str]:
    """Return the variables of the parts: the installed wheels come first, and nothing is downloaded."""
    paths = [str(options.root), *([str(options.site)] if options.wheels else [])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "",
        "HF_HUB_OFFLINE": "1",
        "REELMILL_HOME": str(options.scratch / "home"),
        "GPU_TEST_DEVICE": options.device,
    }


def _commit(root: Path) -> str:
    if (root / COMMIT).is_file():
        return (root / COMMIT).read_text(encoding="utf-8").strip()
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("session.py", description="Run everything that needs a GPU.")
    wheels = ROOT / "wheels"
    parser.add_argument(
        "--wheels",
        type=Path,
        default=wheels if wheels.is_dir() else None,
        metavar="FOLDER",
        help="install these wheels first. Default: the folder wheels of a kit; without it, this Python's packages",
    )
    site = ROOT / "out" / "gpu-site"  # not in OUT: later sessions with other parts use it, too
    parser.add_argument("--site", type=Path, default=site, metavar="FOLDER", help="where to install them")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "gpu", metavar="FOLDER", help="default: out/gpu")
    parser.add_argument("--budget-s", type=float, default=BUDGET_S, metavar="SECONDS", help=BUDGET_HELP)
    parser.add_argument("--device", default="cuda:0", help="default: cuda:0")
    parser.add_argument("--tiny", action="store_true", help="tiny networks, to test this command, for example on a CPU")
    parser.add_argument(
        "--stages", default=",".join(LIMITS_S), metavar="NAMES", help=f"separated by commas: {', '.join(LIMITS_S)}"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a session. Return 0 if no part failed, otherwise 1."""
    parser = _parser()
    given = parser.parse_args(arguments)
    names = given.stages.split(",")
    if unknown := [name for name in names if name not in LIMITS_S]:
        parser.error(f"unknown stage {unknown[0]!r}: choose from {', '.join(LIMITS_S)}")
    if given.wheels and not sorted(given.wheels.glob("*.whl")):
        parser.error(f"{given.wheels} contains no wheels; make them with `make gpu-kit` on a machine with a network")
    with tempfile.TemporaryDirectory(prefix="reelmill-gpu-") as scratch:
        out = given.out.resolve()
        wheels = given.wheels.resolve() if given.wheels else None
        options = Options(ROOT, wheels, given.site.resolve(), Path(scratch), given.device, given.tiny, names)
        session = Session(options, out, given.budget_s)
        return 0 if session.run() else 1


if __name__ == "__main__":
    sys.exit(main())
