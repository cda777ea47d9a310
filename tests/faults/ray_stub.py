"""What the workers of the tests' Ray cluster do before their first task: count model loads; paint where told to.

Ray calls ``install`` in each worker process. Whether a model is real is asked when it is opened, since Ray starts
processes ahead of need.
"""

import json
import os
import signal
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from campaign_run import Scorer

import tasks.runtime.lease_owner
import tasks.runtime.resources
from models.fake import FakeGenerator

FOLDER = "REELMILL_TEST_STUB"
NODE = "REELMILL_TEST_NODE"


class Load(NamedTuple):
    """A model that was opened: by which process, on which node."""

    pid: int
    node: str


class Board:
    """A folder in which a test tells workers what to be, and they tell what they did."""

    def __init__(self, folder: Path) -> None:
        self._plan = folder / "plan.json"
        self._loads = folder / "loads"

    def plan(self, *, real: bool = False, pauses: dict[str, float] | None = None) -> None:
        """Let coming models be real, or painters that take so many seconds a clip by node; forget earlier loads."""
        self._plan.write_text(json.dumps({"real": real, "pauses": pauses or {}}))
        self._loads.unlink(missing_ok=True)

    @property
    def is_real(self) -> bool:
        return bool(json.loads(self._plan.read_text())["real"])

    def pause(self, node: str) -> float:
        return float(json.loads(self._plan.read_text())["pauses"].get(node, 0.0))

    def note(self, load: Load) -> None:
        with self._loads.open("a") as lines:
            lines.write(f"{load.pid} {load.node}\n")

    @property
    def loads(self) -> list[Load]:
        if not self._loads.exists():
            return []
        return [Load(int(pid), node) for pid, node in map(str.split, self._loads.read_text().splitlines())]


class Painter(FakeGenerator):
    """The fake generator at a worker's pace; a prompt that says poison kills the process, as a driver's bug would."""

    def __init__(self, pause: float) -> None:
        super().__init__(device_seconds=pause)
        self._pause = pause

    def generate(self, variants, draft=False):
        for variant, result in zip(variants, super().generate(variants, draft), strict=True):
            time.sleep(self._pause)
            if "poison" in variant.prompt:
                os.kill(os.getpid(), signal.SIGKILL)
            yield result


def variables(folder: Path, node: str) -> dict[str, str]:
    """Return the environment in which Ray's worker processes call ``install``."""
    return {FOLDER: str(folder), NODE: node, "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR": "ray_stub.install"}


def install() -> None:
    """Put counting and painting in the place of loading, and let the node be a host of its own name.

    Owners on other hosts are never found dead: their leases have to expire, as they would on many machines.
    """
    board, node = Board(Path(os.environ[FOLDER])), os.environ[NODE]
    tasks.runtime.lease_owner.socket = types.SimpleNamespace(gethostname=lambda: node)
    real: dict[str, Callable[..., Any]] = {
        name: vars(tasks.runtime.resources)[name] for name in ("open_generator", "open_scorer")
    }

    def open_generator(*args: Any, **kwargs: Any) -> Any:
        board.note(Load(os.getpid(), node))
        return real["open_generator"](*args, **kwargs) if board.is_real else Painter(board.pause(node))

    def open_scorer(*args: Any, **kwargs: Any) -> Any:
        return real["open_scorer"](*args, **kwargs) if board.is_real else Scorer()

    vars(tasks.runtime.resources).update(open_generator=open_generator, open_scorer=open_scorer)
