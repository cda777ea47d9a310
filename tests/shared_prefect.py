"""One Prefect server for all processes of a test session. It ends with the process that controls the session."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

from adapters.files.durable import write_durably
from flows.prefect.embedded_server import CREDENTIALS, START_S, prefect_server
from flows.settings import prepare_prefect

REPOSITORY = Path(__file__).parents[1]


def shared_server(home: Path, session_pid: int) -> dict[str, str]:
    """Return the variables with the URL and the password of the server, which the first caller starts.

    Args:
        home: a prepared home; the same for all processes.
        session_pid: the process with which the server ends.
    """
    credentials = home / "credentials"
    with FileLock(f"{home}.lock"):
        if not credentials.exists():
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
            _await(credentials)
    return dict(json.loads(credentials.read_text()))


def _await(credentials: Path) -> None:
    deadline = time.monotonic() + START_S
    while not credentials.exists():
        assert time.monotonic() < deadline, (credentials.parent / "shared.log").read_text()
        time.sleep(0.05)


def main(home: Path, session_pid: int) -> None:
    """Run the server until the session's process has ended."""
    session = os.pidfd_open(session_pid)
    prepare_prefect(home)
    with prefect_server(home):
        found = {name: os.environ[name] for name in CREDENTIALS}
        write_durably(home / "credentials", json.dumps(found).encode(), mode=0o600)
        select.select([session], [], [])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
