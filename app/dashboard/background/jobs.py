"""Child processes that the pages start: `reelmill` commands that end with the dashboard."""

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from adapters.child_python import PYTHON, isolated_environment
from app.cli.run_outcome import EXIT_STOPPED
from manifests.errors import ReelmillError
from manifests.identity import slug

PROGRAM = (*PYTHON, "-c", "from app.cli.main import main; main()")
RESUME_COMMAND = ("resume", "--if-active", "--")
"""A job must not end a pause; only a person's Resume button may."""
MAX_JOBS = 2
SHOWN_LINES = 12
GRACE_S = 10.0


class TooManyJobsError(ReelmillError):
    """Too many campaigns are running. Wait until one of them has finished, then try again."""


@dataclass(frozen=True, slots=True)
class JobState:
    """State of the last job of a campaign.

    Attributes:
        what: run, retry or resume.
        running: the process is running.
        failed: the process ended with an error; a pause or a cancellation is not an error.
        lines: the last lines of output; for a failed job they end with the error message.
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
        self.run_again = False


class Jobs:
    """Run at most one job per campaign and MAX_JOBS in total; a resume requested meanwhile starts later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[str, _Job] = {}
        self._waiting: list[str] = []
        self._lock = threading.RLock()
        self._ended = threading.Event()

    def run(self, campaign_id: str, sheet: Path, *options: str) -> None:
        """Run a campaign from its sheet.

        Raises:
            TooManyJobsError: the campaign or too many others are running.
        """
        with self._lock:
            if self._is_running(campaign_id) or not self._has_capacity():
                raise TooManyJobsError
            self._start(campaign_id, "run", "run", *options, "--", str(sheet))

    def retry(self, campaign_id: str) -> None:
        """Retry the failed clips of a campaign.

        Raises:
            TooManyJobsError: the campaign or too many others are running.
        """
        with self._lock:
            if self._is_running(campaign_id) or not self._has_capacity():
                raise TooManyJobsError
            self._start(campaign_id, "retry", "retry", "--failed", "--", campaign_id)

    def resume(self, campaign_id: str) -> None:
        """Resume a campaign; if one of its jobs is running, resume it again afterwards."""
        with self._lock:
            if self._is_running(campaign_id):
                self._jobs[campaign_id].run_again = True
            elif self._has_capacity():
                self._start(campaign_id, "resume", *RESUME_COMMAND, campaign_id)
            elif campaign_id not in self._waiting:
                self._waiting.append(campaign_id)

    def state(self, campaign_id: str) -> JobState | None:
        """Return the state of the last job that this process started for a campaign, or None."""
        with self._lock:
            job = self._jobs.get(campaign_id)
            if job is None:
                return None
            code = job.process.poll()
            failed = code not in (None, 0, EXIT_STOPPED)
            return JobState(job.what, code is None, failed, job.started_at, _last_lines(job.log))

    def stop(self) -> None:
        """Stop all jobs: interrupt them so that they finish cleanly, and kill them after GRACE_S."""
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

    def _has_capacity(self) -> bool:
        return sum(job.process.poll() is None for job in self._jobs.values()) < MAX_JOBS

    def _start(self, campaign_id: str, what: str, *words: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{slug(campaign_id, 80)}.log"
        with log.open("wb") as out:
            # A new session, so that Ctrl-C in the terminal reaches the dashboard only, which then stops its jobs.
            process = subprocess.Popen(  # noqa: S603
                [*PROGRAM, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=isolated_environment(),
            )
        self._jobs[campaign_id] = job = _Job(what, process, log)
        threading.Thread(target=self._follow, args=(campaign_id, job), name="job", daemon=True).start()

    def _follow(self, campaign_id: str, job: _Job) -> None:
        """Wait until the job ends, then start what was requested meanwhile."""
        job.process.wait()
        with self._lock:
            if self._ended.is_set():
                return
            if job.run_again:
                self._start(campaign_id, "resume", *RESUME_COMMAND, campaign_id)
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
