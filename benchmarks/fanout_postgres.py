"""A PostgreSQL of its own that keeps what it commits: Debian's binaries, fsync on, gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

START_S = 30
SETTINGS: dict[str, str] = {
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "100",
    "shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min",
    "shared_preload_libraries": "pg_stat_statements",
}
"""Those of a small server that is taken seriously; all others are PostgreSQL's own."""


class Server(NamedTuple):
    """A running server: its URL without a database's name, and the process that its backends belong to."""

    url: str
    pid: int


def find_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL here, None where there is none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    return max(folders, key=lambda folder: folder.parent.name.zfill(4), default=None)


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """Start a server on loopback, and end it by its process id."""
    folder = Path(tempfile.mkdtemp(prefix="reelmill-fanout-"))
    try:
        with _server(binaries, folder, _free_port()) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(binaries: Path, folder: Path, port: int) -> Iterator[Server]:
    user, data = _ordinary_user(folder), folder / "data"
    subprocess.run([binaries / "initdb", "-D", data, "-A", "trust", "-U", "reelmill", "-E", "UTF8"],  # noqa: S603
                   check=True, capture_output=True, cwd=folder, **user)
    options = SETTINGS | {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder)}
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binaries / "postgres", "-D", data, *arguments], stdout=log,  # noqa: S603
                                   stderr=log, cwd=folder, **user)
    try:
        server = Server(f"postgresql://reelmill@127.0.0.1:{port}", process.pid)
        _wait(server.url, process, folder / "log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(START_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ordinary_user(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: hand the folder to another user and run as that one."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("no user other than root to run PostgreSQL as")


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-800:]}")
