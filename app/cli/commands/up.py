"""`reelmill up`: run all services of one machine with one command."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from adapters.child_python import PYTHON, isolated_environment
from adapters.files.durable import write_durably
from adapters.files.umask import open_without_links
from adapters.listener import listen, port_of
from app.cli.commands import dashboard as serve
from app.cli.output import say
from app.cli.watched_line import watched_line
from app.session import Session
from app.supervise.reaper import run_supervised
from app.supervise.supervisor import Program, Supervisor
from flows.prefect.embedded_server import new_password, protection, server_command
from flows.prefect.schedules import check_schedules
from flows.prefect.server_health import health_of, without_password
from flows.settings import prepare_prefect
from manifests.errors import ReelmillError
from tasks.runtime.resources import close_resources

PREFECT_PORT = 4200
SERVER_URL = "prefect.url"
CREDENTIALS = "prefect.password"
DEFAULTS = {
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_UI_ENABLED": "true",
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
"""Prefect settings that the operator may override. Concurrency slots are stored in files, to survive the server."""


def up(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=1, max=65535, help="Port of the dashboard.")
    ] = serve.PORT,
    prefect_port: Annotated[
        int, typer.Option("--prefect-port", metavar="PORT", min=1, max=65535, help="Port of Prefect's server.")
    ] = PREFECT_PORT,
) -> None:
    """Run the dashboard, the schedules and the watcher on this machine.

    Also starts Prefect's server, unless PREFECT_API_URL is set. Press Ctrl-C to stop everything.
    """
    session = Session.open()
    home = session.settings.home
    with _only_one(home), ExitStack() as stack:
        _forget_server(home)
        check_schedules(session.settings)
        server = os.environ.get("PREFECT_API_URL", "")
        if not server and port == prefect_port:
            raise ReelmillError(
                f"The dashboard and Prefect's server cannot both use port {port}. Choose another port with "
                "--port or --prefect-port."
            )
        pages = stack.enter_context(_listen(port, "--port"))
        prefect = None if server else stack.enter_context(_listen(prefect_port, "--prefect-port"))
        environment = environment_of(home, prefect_port)
        write_server_url(home, environment["PREFECT_API_URL"])
        dashboard = session.settings.review_url.rstrip("/") or f"http://127.0.0.1:{port}"
        programs = programs_of(pages, prefect, bool(session.settings.watch), dashboard, environment["PREFECT_API_URL"])
        session.catalogue.campaigns.all()  # fails here, once, if the database does not answer
        close_resources()
        say("Starting. This takes up to a minute. Press Ctrl-C to stop.")
        addresses = addresses_of(session, dashboard, environment, is_own=not server)
        code = run_supervised(lambda: Supervisor(programs, environment, _print_line_of, lambda: _show(addresses)).run())
    if code:
        raise typer.Exit(code)


def programs_of(
    pages: socket.socket, prefect: socket.socket | None, is_watching: bool, dashboard: str, server: str
) -> list[Program]:
    """Return the programs to run, with the listening sockets of the dashboard and of Prefect's server.

    Without the latter, an existing Prefect server is used.
    """
    python = (*PYTHON, "-m")
    waits = "" if prefect else f"waiting for Prefect's server at {without_password(server)}"
    programs = [
        Program(
            "schedules",
            (*python, "flows.prefect.deployments", *(["--owns-server"] if prefect else [])),
            health_of(server),
            waits,
        ),
        Program(
            "dashboard",
            (*python, "app.cli.main", "review", "--fd", str(pages.fileno()), "--no-browser"),
            f"http://127.0.0.1:{port_of(pages)}/signin",
            listener=pages.fileno(),
        ),
    ]
    if prefect:
        started = Program(
            "prefect", server_command(prefect), health_of(server), is_last=True, listener=prefect.fileno()
        )
        programs.insert(0, started)
    if is_watching:
        programs.append(Program("watcher", (*python, "flows.watch", "--dashboard", dashboard)))
    return programs


def environment_of(home: Path, prefect_port: int) -> dict[str, str]:
    """Return the environment of the programs, with the URL and the password of Prefect's server.

    Without a password, every user of this machine could start flows.
    """
    for name, value in {**DEFAULTS, "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "prefect" / "ui")}.items():
        os.environ.setdefault(name, value)
    prepare_prefect(home)
    environment = {**isolated_environment(), "PYTHONUNBUFFERED": "1"}
    if not environment.get("PREFECT_API_URL"):
        server = f"http://127.0.0.1:{prefect_port}/api"
        password = _password(home / CREDENTIALS)
        environment |= {
            "PREFECT_API_URL": server,
            "PREFECT_API_AUTH_STRING": password,
            "PREFECT_SERVER_UI_API_URL": server,
            **protection(prefect_port, password),
            **_allowed_origins(),
        }
    return environment


def addresses_of(session: Session, dashboard: str, environment: dict[str, str], *, is_own: bool) -> list[str]:
    """Return the addresses of the services, one line each."""
    settings = session.settings
    server = without_password(environment["PREFECT_API_URL"]).rstrip("/").removesuffix("/api")
    opened = f" (user and password: {settings.home / CREDENTIALS})" if is_own else ""
    return [
        f"Dashboard: {dashboard}",
        f"Metrics:   {dashboard}/metrics",
        f"Prefect:   {server}{opened}",
        f"Watched:   {watched_line(settings.watch)}",
        f"Home:      {settings.home}",
    ]


def write_server_url(home: Path, url: str) -> None:
    """Store the URL of the Prefect server, so that other commands find it while this one runs."""
    write_durably(home / SERVER_URL, url.encode(), mode=0o600)


def running_server(home: Path) -> tuple[str, str] | None:
    """Return the URL and the credentials of the Prefect server of a running `reelmill up`; None if none is running."""
    with suppress(OSError):
        with (home / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    url, password = home / SERVER_URL, home / CREDENTIALS
    if not url.is_file():
        return None
    return url.read_text(), password.read_text().strip() if password.is_file() else ""


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Lock the home folder; an earlier `reelmill up` that is still stopping keeps its lock."""
    with open(open_without_links(home / "up.lock"), "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ReelmillError(
                f"Another `reelmill up` is running in {home}, or still stopping. Stop it first, or set "
                "REELMILL_HOME to another folder."
            ) from None
        yield


def _listen(port: int, option: str) -> socket.socket:
    """Listen on a port for as long as `up` runs: other users cannot use it while a program is started or restarted.

    Raises:
        ReelmillError: the port is in use; the message names the option that changes it.
    """
    try:
        return listen(port)
    except OSError:
        raise ReelmillError(
            f"Port {port} is in use, or you may not use it. Stop the program that uses it, or choose another "
            f"port with {option}."
        ) from None


def _forget_server(home: Path) -> None:
    """Delete the URL and the password of an earlier `up`: its port may belong to another user now."""
    for name in (SERVER_URL, CREDENTIALS):
        (home / name).unlink(missing_ok=True)


def _password(path: Path) -> str:
    """Return a new password and store it; those of earlier servers are no longer valid."""
    password = new_password()
    write_durably(path, password.encode(), mode=0o600)
    return password


def _allowed_origins() -> dict[str, str]:
    """Return the operator's own origins, for example of a proxy before Prefect's pages; Prefect has two names."""
    name = "CORS_ALLOWED_ORIGINS"
    found = os.environ.get(f"PREFECT_SERVER_API_{name}") or os.environ.get(f"PREFECT_SERVER_{name}")
    return {f"PREFECT_SERVER_API_{name}": found} if found else {}


def _show(addresses: list[str]) -> None:
    for line in ["Everything is running.", *addresses]:
        _print(line)


def _print_line_of(name: str, line: str) -> None:
    _print(f"[{name}] {line}")


def _print(line: str) -> None:
    """Print a line; if the output is closed, the programs keep running."""
    with suppress(OSError, SystemExit):
        say(line)
