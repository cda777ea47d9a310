"""Work that pages start: the program itself, in processes of their own that end with the dashboard."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from app.cli.run_outcome import EXIT_STOPPED
from manifests.errors import ReelmillError
from manifests.identity import slug

PROGRAM = (sys.executable, "-c", "from app.cli.main import main; main()")
GO_ON = ("resume", "--if-active", "--")
"""What a page's button does not say, a job must not: that a pause is over."""
MOST_AT_ONCE = 2
SHOWN_LINES = 12
GRACE_S = 10.0


class TooManyJobsError(ReelmillError):
    """Other campaigns are being worked on; wait for one of them to end."""


@dataclass(frozen=True, slots=True)
class JobState:
    """What became of the last work on a campaign.

    Attributes:
        running: it still goes on.
        failed: it ended with an error (a pause or a cancellation is none); ``lines`` end with its sentence.
    """

    what: str
    running: bool
    failed: bool
    started_at: float
    lines: tuple[str, ...]


class _Job:
    def __init__(self, what: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.what = what
        self.process = process
        self.log = log
        self.started_at = time.time()
        self.again = False


class Jobs:
    """At most one a campaign, and MOST_AT_ONCE in all; one that is asked for meanwhile follows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[str, _Job] = {}
        self._waiting: list[str] = []
        self._lock = threading.RLock()
        self._ended = threading.Event()

    def run(self, campaign_id: str, sheet: Path, *options: str) -> None:
        """Begin a campaign from its sheet.

        Raises:
            TooManyJobsError: it is being worked on already, or too many others are.
        """
        with self._lock:
            if self._is_running(campaign_id) or not self._room():
                raise TooManyJobsError
            self._start(campaign_id, "run", "run", *options, "--", str(sheet))

    def retry(self, campaign_id: str) -> None:
        """Try again what failed.

        Raises:
            TooManyJobsError: it is being worked on already, or too many others are.
        """
        with self._lock:
            if self._is_running(campaign_id) or not self._room():
                raise TooManyJobsError
            self._start(campaign_id, "retry", "retry", "--failed", "--", campaign_id)

    def resume(self, campaign_id: str) -> None:
        """Go on with a campaign; where it is being worked on, once more after that."""
        with self._lock:
            if self._is_running(campaign_id):
                self._jobs[campaign_id].again = True
            elif self._room():
                self._start(campaign_id, "go on", *GO_ON, campaign_id)
            elif campaign_id not in self._waiting:
                self._waiting.append(campaign_id)

    def state(self, campaign_id: str) -> JobState | None:
        """Return the last work on a campaign in this process; None where there was none."""
        with self._lock:
            job = self._jobs.get(campaign_id)
            if job is None:
                return None
            code = job.process.poll()
            failed = code not in (None, 0, EXIT_STOPPED)
            return JobState(job.what, code is None, failed, job.started_at, _last_lines(job.log))

    def stop(self) -> None:
        """End all: an interrupt first, so that nothing is lost, and by force after GRACE_S."""
        with self._lock:
            self._ended.set()
            self._waiting.clear()
            running = [job.process for job in self._jobs.values() if job.process.poll() is None]
        for process in running:
            _signal(process, signal.SIGINT)
        until = time.monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()

    def _is_running(self, campaign_id: str) -> bool:
        job = self._jobs.get(campaign_id)
        return job is not None and job.process.poll() is None

    def _room(self) -> bool:
        return sum(job.process.poll() is None for job in self._jobs.values()) < MOST_AT_ONCE

    def _start(self, campaign_id: str, what: str, *words: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{slug(campaign_id, 80)}.log"
        with log.open("wb") as out:
            # A session of its own: Ctrl-C in the terminal is the dashboard's to pass on.
            process = subprocess.Popen(  # noqa: S603
                [*PROGRAM, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "COLUMNS": "160"},
            )
        self._jobs[campaign_id] = job = _Job(what, process, log)
        threading.Thread(target=self._follow, args=(campaign_id, job), name="job", daemon=True).start()

    def _follow(self, campaign_id: str, job: _Job) -> None:
        """Wait for the end; then start what was asked for meanwhile."""
        job.process.wait()
        with self._lock:
            if self._ended.is_set():
                return
            if job.again:
                self._start(campaign_id, "go on", *GO_ON, campaign_id)
            elif self._waiting:
                self.resume(self._waiting.pop(0))


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _last_lines(log: Path) -> tuple[str, ...]:
    try:
        text = log.read_bytes()[-20_000:].decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(line for line in text.splitlines() if line.strip())[-SHOWN_LINES:]
