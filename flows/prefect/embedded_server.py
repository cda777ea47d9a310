"""A Prefect server for one command: it starts and ends with the command, even if that is killed."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.child_python import PYTHON, isolated_environment
from adapters.files.umask import open_without_links
from adapters.listener import listen, port_of
from adapters.process_lifetime import end_with_parent
from adapters.proxies import check_proxy, open_url
from flows.provider_settings import without_accounts
from manifests.errors import ReelmillError
from tasks.runtime.logs.redaction import redact

START_S = 180.0
SERVICES = (
    "CANCELLATION_CLEANUP",
    "EVENT_LOGGER",
    "EVENT_PERSISTER",
    "FOREMAN",
    "LATE_RUNS",
    "PAUSE_EXPIRATIONS",
    "REPOSSESSOR",
    "SCHEDULER",
    "TASK_RUN_RECORDER",
    "TRIGGERS",
)
"""Background services of Prefect that the flow of one command does not need."""
DEFAULTS = {
    **{f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in SERVICES},
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
}
"""Settings of the server (docs/decisions/0032); the environment may override them."""


CREDENTIALS = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")
"""Variables with which a client of Prefect finds its server and signs in; child processes inherit them."""


@contextmanager
def prefect_server(home: Path, meanwhile: Callable[[], None] | None = None) -> Iterator[None]:
    """Run a server on loopback and set CREDENTIALS to it; do nothing if PREFECT_API_URL is already set.

    Only this process, the server and the children of this process know the password. Prefect's ephemeral server is not
    used, because it receives the terminal's Ctrl-C along with its parent, and survives a parent that is killed.

    Args:
        meanwhile: called while the server starts, which takes seconds, with CREDENTIALS already set, so that it may
            import prefect; not called if there is no server to start.

    Raises:
        ReelmillError: the server did not start; the message names its log.
        SettingsError: the proxy for the server in PREFECT_API_URL cannot be used.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        check_proxy(url)
        yield
        return
    log, password = home / "prefect-server.log", new_password()
    with listen() as listener:  # stays open, so that no other user gets the port while someone knows the password
        process = _start(listener, log, password)
        try:
            url = f"http://127.0.0.1:{port_of(listener)}/api"
            with known_credentials(url, password):
                if meanwhile:
                    meanwhile()
                _await(process, url, log)
                with _no_heartbeats():
                    yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def server_command(listener: socket.socket) -> tuple[str, ...]:
    """Return the command of a server; its process must inherit the file descriptor of the listener."""
    return (*PYTHON, "-m", "flows.prefect.server", "--fd", str(listener.fileno()))


def new_password() -> str:
    """Return a random ``user:password``, which is redacted in the logs of this process."""
    password = secrets.token_urlsafe(24)
    redact.learn([password])
    return f"admin:{password}"


def protection(port: int, password: str) -> dict[str, str]:
    """Return the variables that close a server on loopback to other users, programs and web pages.

    Only pages of the server itself may read its answers. Prefect cannot restrict the Host header: a page that reaches
    the server under another name (DNS rebinding) does not have the password (docs/decisions/0058).
    """
    return {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
    }


def _start(listener: socket.socket, log: Path, password: str) -> subprocess.Popen[bytes]:
    with open(open_without_links(log), "wb") as output:
        output.truncate()
        return subprocess.Popen(  # noqa: S603
            server_command(listener),
            env={**DEFAULTS, **without_accounts(isolated_environment()), **protection(port_of(listener), password)},
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


@contextmanager
def known_credentials(url: str, password: str) -> Iterator[None]:
    """Set CREDENTIALS within the block, and restore their values."""
    before = {name: os.environ.pop(name) for name in CREDENTIALS if name in os.environ}
    os.environ.update(zip(CREDENTIALS, (url, password), strict=True))
    try:
        yield
    finally:
        for name in CREDENTIALS:
            os.environ.pop(name, None)
        os.environ.update(before)


@contextmanager
def _no_heartbeats() -> Iterator[None]:
    """Run flows without Prefect's heartbeats: their thread delays the end of a flow run by up to a second."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # after PREFECT_API_URL is set

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), open_url(f"{url}/health", 5.0):
            return
        time.sleep(0.1)
    raise ReelmillError(
        f"The Prefect server did not start; see {log} for the reason. Free some memory and disk space and run the "
        "command again, or set PREFECT_API_URL to a running server."
    )
