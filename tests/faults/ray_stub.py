"""The setup of workers in the tests' Ray cluster: count model loads, and use a fake generator if the test asks for it.

Ray calls ``install`` in each worker process. The choice between a real and a fake model is made when the model is
opened, because Ray starts processes in advance.
"""

import json
import os
import signal
import time
import types
from pathlib import Path
from typing import Any, NamedTuple

from campaign_run import Scorer

import tasks.runtime.devices
import tasks.runtime.lease_owner
import tasks.runtime.resources
from models.fake import FakeGenerator

# Without the prefix of settings, which are not passed to workers of a cluster for one run.
FOLDER = "RAY_STUB_FOLDER"
NODE = "RAY_STUB_NODE"


class Load(NamedTuple):
    """The process and the node that opened a model."""

    pid: int
    node: str


class Board:
    """A folder through which a test configures the workers, and the workers report their model loads."""

    def __init__(self, folder: Path) -> None:
        self._plan = folder / "plan.json"
        self._loads = folder / "loads"

    def plan(self, *, real: bool = False, pauses: dict[str, float] | None = None) -> None:
        """Choose real models, or painters with a pause per clip in seconds by node, and forget earlier loads."""
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
    """A fake generator with a pause per clip. A prompt with "poison" kills the process, like a bug in a GPU driver."""

    def __init__(self, pause: float) -> None:
        super().__init__(device_seconds=pause)
        self._pause = pause

    def generate(self, variants):
        for variant, result in zip(variants, super().generate(variants), strict=True):
            time.sleep(self._pause)
            if "poison" in variant.prompt:
                os.kill(os.getpid(), signal.SIGKILL)
            yield result


def variables(folder: Path, node: str) -> dict[str, str]:
    """Return the environment variables that make Ray's worker processes call ``install``."""
    return {FOLDER: str(folder), NODE: node, "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR": "ray_stub.install"}


def install() -> None:
    """Count model loads, replace real models if planned, and use the node's name as the host name.

    Dead lease owners on other hosts cannot be detected, so their leases have to expire, as on separate machines.
    """
    board, node = Board(Path(os.environ[FOLDER])), os.environ[NODE]
    tasks.runtime.lease_owner.socket = types.SimpleNamespace(gethostname=lambda: node)
    devices, resources = vars(tasks.runtime.devices), vars(tasks.runtime.resources)
    generator, scorer = devices["open_generator"], resources["open_scorer"]

    def open_generator(*args: Any, **kwargs: Any) -> Any:
        board.note(Load(os.getpid(), node))
        return generator(*args, **kwargs) if board.is_real else Painter(board.pause(node))

    def open_scorer(*args: Any, **kwargs: Any) -> Any:
        return scorer(*args, **kwargs) if board.is_real else Scorer()

    devices["open_generator"], resources["open_scorer"] = open_generator, open_scorer
