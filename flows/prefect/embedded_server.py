"""Prefect's server for one command: it starts with it, and ends with it, however that ends."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.child_python import PYTHON, isolated_environment
from adapters.process_lifetime import end_with_parent
from manifests.errors import ReelmillError

START_S = 180.0


@contextmanager
def prefect_server(home: Path) -> Iterator[None]:
    """Run a server on loopback and name it in PREFECT_API_URL; the operator's own goes first.

    Prefect's ephemeral server is not used: it shares the terminal's Ctrl-C with its parent, and
    outlives a parent that is killed.

    Raises:
        ReelmillError: it did not come up; names its log.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield
        return
    port, log = free_port(), home / "prefect-server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [*PYTHON, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=isolated_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        _await(process, f"http://127.0.0.1:{port}/api", log)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        yield
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310
            return
        time.sleep(0.1)
    raise ReelmillError(
        f"Prefect's server did not start; {log} says why. Free some memory and disk and run again, "
        "or let PREFECT_API_URL name a server that runs."
    )


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
