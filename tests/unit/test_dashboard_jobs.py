"""Background jobs of the dashboard, in real child processes."""

import os
import sys
import time
from pathlib import Path

import pytest

from app.dashboard.background import jobs
from app.dashboard.background.jobs import Jobs, TooManyJobsError

SLEEPER = (sys.executable, "-u", "-c", "import sys, time; print('began', sys.argv[1:]); time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-u",
    "-c",
    "import signal, time; signal.signal(2, signal.SIG_IGN); print('began'); time.sleep(60)",
)
FAILING = (sys.executable, "-c", "import sys; print('Error: no such thing.'); sys.exit(1)")
SHORT = (sys.executable, "-c", "import sys, time; time.sleep(0.3); print('done', sys.argv[1:])")


def wait_for(condition) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "GRACE_S", 1.0)
    made = []

    def start(program) -> Jobs:
        monkeypatch.setattr(jobs, "PROGRAM", program)
        made.append(Jobs(tmp_path / "jobs"))
        return made[-1]

    yield start
    for each in made:
        each.stop()


def test_a_job_has_a_state_and_its_output(working, tmp_path: Path):
    beside = working(SLEEPER)
    assert beside.state("spring") is None
    beside.run("spring", tmp_path / "-rf.csv", "--review", "required")
    wait_for(lambda: beside.state("spring").lines)
    state = beside.state("spring")
    assert state.running
    assert state.lines[0] == f"began ['run', '--review', 'required', '--', '{tmp_path / '-rf.csv'}']"
    with pytest.raises(TooManyJobsError):
        beside.retry("spring")


def test_a_failed_job_shows_its_error_message(working):
    beside = working(FAILING)
    beside.retry("spring")
    wait_for(lambda: not beside.state("spring").running)
    assert beside.state("spring").failed
    assert beside.state("spring").lines == ("Error: no such thing.",)


def test_at_most_two_jobs_run_at_once_and_the_next_one_follows(working):
    beside = working(SHORT)
    for name in ("one", "two", "three"):
        beside.resume(name)
    assert beside.state("three") is None
    with pytest.raises(TooManyJobsError):
        beside.retry("four")
    wait_for(lambda: beside.state("three") is not None and not beside.state("three").running)
    assert beside.state("three").lines == ("done ['resume', '--if-active', '--', 'three']",)


def test_a_request_during_a_job_runs_after_it(working):
    beside = working(SHORT)
    beside.resume("spring")
    first = beside.state("spring").started_at
    beside.resume("spring")
    wait_for(lambda: beside.state("spring").started_at > first)


@pytest.mark.parametrize("program", [SLEEPER, STUBBORN])
def test_stop_ends_all_jobs(working, program):
    beside = working(program)
    beside.resume("spring")
    wait_for(lambda: beside.state("spring").lines)
    number = beside._jobs["spring"].process.pid
    beside.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
