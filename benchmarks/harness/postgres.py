"""A temporary PostgreSQL server for benchmarks and tests, with Debian's binaries and a temporary folder."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

_START_SECONDS = 30
FAST: Mapping[str, str] = {"fsync": "off", "max_connections": "60"}
"""Fast, and safe unless the machine itself fails."""
DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "shared_preload_libraries": "pg_stat_statements",
}
"""Settings of a small production server. All others have PostgreSQL's defaults."""


def find_binaries() -> Path | None:
    """Return the folder of the newest installed PostgreSQL, or None."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    return max(folders, key=lambda folder: folder.parent.name.zfill(4), default=None)


def free_port() -> int:
    """Return a loopback port that is currently free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(binaries: Path, settings: Mapping[str, str] = FAST, administrator: str = "reelmill") -> Iterator["Server"]:
    """Start a server and stop it at the end. It may be killed and restarted in between."""
    folder = Path(tempfile.mkdtemp(prefix="reelmill-postgres-"))
    try:
        server = Server(binaries, folder, settings, administrator)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A PostgreSQL cluster in a folder, on a loopback port. ``url`` names its administrator, but no database."""

    def __init__(
        self, binaries: Path, folder: Path, settings: Mapping[str, str], administrator: str = "reelmill"
    ) -> None:
        self._binaries = binaries
        self._folder = folder
        self._settings = settings
        self._port = free_port()
        self._user = _unprivileged_user(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://{administrator}@127.0.0.1:{self._port}"
        subprocess.run(  # noqa: S603 - from the folder of PostgreSQL
            [binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", administrator, "--no-sync", "-E", "UTF8"],
            check=True,
            capture_output=True,
            cwd=folder,
            **self._user,
        )

    @property
    def pid(self) -> int:
        """Process id of the server, the parent of all backends. 0 if it is not running."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the server, recover after a kill, and wait until it answers."""
        options = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._folder),
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the same
                [self._binaries / "postgres", "-D", self._folder / "data", *arguments],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._user,
            )
        _wait(self.url, self._process, self._folder / "log")

    def kill(self) -> None:
        """Send SIGKILL to the server and all its processes at once, as in a machine failure."""
        if self._process:
            processes = [*psutil.Process(self._process.pid).children(recursive=True), psutil.Process(self._process.pid)]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(_START_SECONDS)
            psutil.wait_procs(processes, _START_SECONDS)
            self._process = None

    def stop(self) -> None:
        """Shut the server down cleanly."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)


def _unprivileged_user(folder: Path) -> dict[str, Any]:
    """Return options to run as another user, and give it the folder. PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL cannot run as root, and there is no user postgres or nobody")


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-800:]}")
