"""A real Ray cluster on this machine: a head without devices, and worker nodes with one CPU each."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import ray_stub

from benchmarks.harness.postgres import free_port

NODES = ("node-1", "node-2")
START_S = 120.0
STORE = "--object-store-memory=80000000"
HERE = Path(__file__).parent
PATHS = os.pathsep.join(map(str, (HERE.parents[1], HERE.parent, HERE)))
PROGRAM = Path(sys.executable).with_name("ray")


class Cluster:
    """Start and kill nodes. ``environment`` has the variables that a driver needs to connect."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Short, because the paths of Unix sockets in it must have fewer than 108 characters.
        self._session = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self.address = f"127.0.0.1:{free_port()}"
        self.board = ray_stub.Board(folder)
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def start(self) -> None:
        """Start the head, then all nodes, and wait for them."""
        self._start(
            "head",
            "--head",
            f"--port={self.address.partition(':')[2]}",
            "--num-cpus=0",
            "--include-dashboard=false",
            f"--temp-dir={self._session}",
        )
        self._await(0)
        self.restore()

    def add(self, name: str) -> None:
        """Start a worker node with its own home, as on a separate machine."""
        self._start(
            name,
            f"--address={self.address}",
            "--num-cpus=1",
            **{"REELMILL_HOME": str(self._folder / name), **ray_stub.variables(self._folder, name)},
        )

    def kill(self, name: str) -> None:
        """Kill all processes of a node with SIGKILL."""
        node = self._nodes.pop(name)
        with suppress(psutil.NoSuchProcess):
            for process in [*psutil.Process(node.pid).children(recursive=True), psutil.Process(node.pid)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        node.wait()

    def restore(self) -> None:
        """Start the missing nodes one by one, because nodes that share an address mix up their sockets."""
        for number, name in enumerate(NODES, 1):
            if name not in self._nodes:
                self.add(name)
                self._await(number)

    def stop(self) -> None:
        """Kill all nodes and remove the session folder."""
        for name in (*NODES, "head"):
            if name in self._nodes:
                self.kill(name)
        subprocess.run(["rm", "-rf", self._session], check=False)

    def _start(self, name: str, *options: str, **environment: str) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("REELMILL_", "PREFECT_"))}
        with (self._folder / f"{name}.log").open("ab") as log:
            self._nodes[name] = subprocess.Popen(
                [
                    PROGRAM,
                    "start",
                    *options,
                    "--num-gpus=0",
                    "--node-ip-address=127.0.0.1",
                    STORE,
                    "--disable-usage-stats",
                    "--block",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**kept, **self.environment, "PYTHONPATH": PATHS, **environment},
                cwd=self._folder,
                start_new_session=True,
            )

    def _await(self, workers: int) -> None:
        """Wait until the head has so many CPUs. Ask in a new process, because Ray connects only once per process."""
        ask = (
            "import ray, sys; ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False); "
            "print(int(ray.cluster_resources().get('CPU', 0)))"
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            asked = subprocess.run(
                [sys.executable, "-c", ask, self.address],
                env={**os.environ, **self.environment},
                cwd=self._folder,
                capture_output=True,
                text=True,
                timeout=START_S,
            )
            if asked.returncode == 0 and int(asked.stdout.split()[-1]) == workers:
                return
            time.sleep(0.5)
        raise AssertionError(f"the Ray cluster did not start; its logs are in {self._folder}: {asked.stderr[-500:]}")


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Run a cluster of two workers until the end of the block."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def throttled(pid: int, stopped_s: float = 0.3, running_s: float = 0.1) -> Iterator[None]:
    """Let a process run only part of the time, as on a slower machine."""
    script = (
        "import os,signal,sys,time\npid,stop,go=int(sys.argv[1]),float(sys.argv[2]),float(sys.argv[3])\n"
        "while True:\n os.kill(pid,signal.SIGSTOP);time.sleep(stop);os.kill(pid,signal.SIGCONT);time.sleep(go)\n"
    )
    brake = subprocess.Popen(
        [sys.executable, "-c", script, str(pid), str(stopped_s), str(running_s)], stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        brake.kill()
        brake.wait()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
