"""One Prefect server for all processes of a test session. It ends with the process that controls the session."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

from flows.prefect.embedded_server import START_S, prefect_server
from flows.settings import prepare_prefect

REPOSITORY = Path(__file__).parents[1]


def url_of_shared_server(home: Path, session_pid: int) -> str:
    """Return the URL of the server, which the first caller starts.

    Args:
        home: a prepared home; the same for all processes.
        session_pid: the process with which the server ends.
    """
    url = home / "url"
    with FileLock(f"{home}.lock"):
        if not url.exists():
            with (home / "shared.log").open("wb") as log:
                subprocess.Popen(
                    [sys.executable, __file__, str(home), str(session_pid)],
                    cwd=REPOSITORY,
                    env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            _await(url)
    return url.read_text()


def _await(url: Path) -> None:
    deadline = time.monotonic() + START_S
    while not url.exists():
        assert time.monotonic() < deadline, (url.parent / "shared.log").read_text()
        time.sleep(0.05)


def main(home: Path, session_pid: int) -> None:
    """Run the server until the session's process has ended."""
    session = os.pidfd_open(session_pid)
    prepare_prefect(home)
    with prefect_server(home):
        (home / "new-url").write_text(os.environ["PREFECT_API_URL"])
        (home / "new-url").rename(home / "url")
        select.select([session], [], [])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
