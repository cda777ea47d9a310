"""Prefect's server as a process that a test can kill and start again, with the same database and port."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.harness.postgres import free_port

START_S = 180.0


class PrefectProcess:
    """A server on loopback that keeps its state in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}/api"

    def start(self) -> None:
        """Start the server and wait until it responds."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REELMILL_", "PREFECT_"))}
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self._port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                env={
                    **kept,
                    "PREFECT_HOME": str(self._folder),
                    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                    "DO_NOT_TRACK": "1",
                    "PREFECT_SERVER_UI_ENABLED": "false",
                },
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError(f"Prefect's server did not start: {(self._folder / 'server.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill the server and its child processes with SIGKILL."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def running(folder: Path) -> Iterator[PrefectProcess]:
    """Run a server until the end of the block."""
    server = PrefectProcess(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
