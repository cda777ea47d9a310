"""A real PostgreSQL for the tests: Debian's binaries, an own folder, gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

_START_SECONDS = 30


def find_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL here, None where there is none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    return max(folders, key=lambda folder: folder.parent.name.zfill(4), default=None)


def free_port() -> int:
    """Return a loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(binaries: Path) -> Iterator[str]:
    """Start a server, yield its URL without a database name, and stop it."""
    with breakable(binaries) as server:
        yield server.url


@contextmanager
def breakable(binaries: Path) -> Iterator["Server"]:
    """The same, as a server that can be killed and started again."""
    folder = Path(tempfile.mkdtemp(prefix="reelmill-postgres-"))
    server = Server(binaries, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A cluster of databases in a folder, served on a port of loopback; ``url`` names no database."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._port = free_port()
        self._user = _ordinary_user(folder)
        self._process: subprocess.Popen | None = None
        self.url = f"postgresql://reelmill@127.0.0.1:{self._port}"
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "reelmill", "--no-sync", "-E", "UTF8"],
            check=True, capture_output=True, cwd=folder, **self._user)

    def start(self) -> None:
        """Start it and wait until it answers; what a kill left is recovered."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "max_connections": 60,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *arguments],
                stdout=log, stderr=log, cwd=self._folder, **self._user)
        _wait(self.url, self._process, self._folder / "log")

    def kill(self) -> None:
        """SIGKILL to the server and all its processes at once, as when its machine goes."""
        if self._process:
            processes = [*psutil.Process(self._process.pid).children(recursive=True), psutil.Process(self._process.pid)]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(_START_SECONDS)
            psutil.wait_procs(processes, _START_SECONDS)
            self._process = None

    def stop(self) -> None:
        """Stop it in an orderly way."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)


def _ordinary_user(folder: Path) -> dict:
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


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-800:]}")
