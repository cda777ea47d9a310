"""Supervise programs: restart those that end, and stop all of them, with their children, on request."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from adapters.process_lifetime import end_with_parent, kill_descendants
from flows.prefect.server_health import is_reachable
from flows.runtime.process_setup import WRONG_SETTINGS

PAUSES_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Pauses before a restart; after a program has run for STEADY_S, the first one applies again."""
STEADY_S = 120.0
PROBE_S = 1.0
GRACE_S = 15.0
"""Time for programs to stop before they are killed."""
TICK_S = 0.5
PATIENCE_S = 10.0
"""Time after which the message about what a program is waiting for is printed."""
MAX_LINE_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Program:
    """One program.

    Attributes:
        name: printed before each of its lines.
        probe: a URL that answers when the program is ready; empty if there is none.
        waits: printed once if the probe has not answered after PATIENCE_S.
        is_last: the other programs depend on it, so it is stopped after them.
        listener: file descriptor of the socket that it serves, which stays open between its restarts; 0 if there is
            none.
    """

    name: str
    command: tuple[str, ...]
    probe: str = ""
    waits: str = ""
    is_last: bool = False
    listener: int = 0


@dataclass(slots=True)
class _Running:
    """State of a program: running if ``process`` is set, otherwise to be started at ``due``."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0
    answers: bool = False
    was_reported: bool = False
    is_steady: bool = False
    rest: bytes = b""


class Supervisor:
    """Run programs from one thread."""

    def __init__(
        self,
        programs: Sequence[Program],
        environment: Mapping[str, str],
        report: Callable[[str, str], None],
        ready: Callable[[], None],
        fatal: Collection[int] = (WRONG_SETTINGS,),
    ) -> None:
        """Prepare without starting anything.

        Args:
            report: called with a program's name and a line of its output, or a message about it.
            ready: called once all programs have answered.
            fatal: exit codes for which a restart is pointless: all programs are stopped, unless the program has run
                for STEADY_S before.
        """
        self._environment = environment
        self._report = report
        self._ready = ready
        self._fatal = fatal
        self._all = [_Running(program) for program in programs]
        self._asked = 0
        self._code = 0
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Supervise until SIGTERM, SIGINT or SIGHUP; a second signal kills at once. Return the exit code."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(reader, selectors.EVENT_READ)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._supervise()
            self._end([each for each in self._all if not each.program.is_last])
            self._end(self._all)
        finally:
            kill_descendants()
        return self._code

    def _ask(self, *_: object) -> None:
        self._asked += 1

    def _supervise(self) -> None:
        was_reported = False
        while not self._asked:
            for each in self._all:
                if each.process is None and time.monotonic() >= each.due:
                    self._start(each)
            self._turn()
            if not was_reported and all([self._answers(each) for each in self._all]):
                was_reported = True
                self._ready()

    def _start(self, each: _Running) -> None:
        each.process = subprocess.Popen(  # noqa: S603
            each.program.command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[each.program.listener] if each.program.listener else [],
            preexec_fn=end_with_parent,
        )
        each.started, each.answers, each.was_reported, each.rest = time.monotonic(), False, False, b""
        output = each.process.stdout
        assert output
        os.set_blocking(output.fileno(), False)
        self._selector.register(output, selectors.EVENT_READ, each)

    def _turn(self) -> None:
        """Wait up to TICK_S for output, a signal or the end of a program, and handle them."""
        for key, _ in self._selector.select(TICK_S):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(key.fd, 4096)
            else:
                self._read(key.data)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._handle_exit(*ended)

    def _read(self, each: _Running) -> None:
        output = each.process.stdout if each.process else None
        if output is None or output.closed:
            return
        with suppress(BlockingIOError):
            data = os.read(output.fileno(), 65_536)
            if not data:
                self._selector.unregister(output)
                output.close()
            *lines, each.rest = (each.rest + data).split(b"\n")
            if not data or len(each.rest) > MAX_LINE_LENGTH:
                lines, each.rest = [*lines, each.rest], b""
            for line in lines:
                if line.strip():
                    self._report(each.program.name, line.decode("utf-8", "replace").rstrip())

    def _handle_exit(self, pid: int, status: int) -> None:
        """Handle a program that has ended; adopted orphans need no handling."""
        for each in self._all:
            process = each.process
            if process is None or process.pid != pid:
                continue
            code = process.returncode = os.waitstatus_to_exitcode(status)
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self._read(each)
            if process.stdout and not process.stdout.closed:
                self._selector.unregister(process.stdout)
                process.stdout.close()
            each.process = None
            kill_descendants(spared=self._pids())
            if not self._asked:
                self._plan(each, code)

    def _plan(self, each: _Running, code: int) -> None:
        """Schedule the restart of a program that has ended, or stop all programs if its exit code is fatal."""
        if time.monotonic() - each.started > STEADY_S:
            each.failures, each.is_steady = 0, True
        if code in self._fatal and not each.is_steady:  # its settings have worked before
            self._asked, self._code = 1, 1
            return
        pause = PAUSES_S[min(each.failures, len(PAUSES_S) - 1)]
        each.failures += 1
        each.due = time.monotonic() + pause
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        self._report(each.program.name, f"{how}; restarting in {pause:.0f} s")

    def _answers(self, each: _Running) -> bool:
        if not each.answers and each.process is not None:
            each.answers = not each.program.probe or is_reachable(each.program.probe, PROBE_S)
            if not each.answers and not each.was_reported and time.monotonic() - each.started > PATIENCE_S:
                each.was_reported = True
                if each.program.waits:
                    self._report(each.program.name, each.program.waits)
        return each.answers

    def _end(self, chosen: Sequence[_Running]) -> None:
        """Stop programs, and wait up to GRACE_S for them; a second signal ends the wait."""
        asked, deadline = self._asked, time.monotonic() + GRACE_S
        for each in chosen:
            if each.process:
                with suppress(ProcessLookupError):  # the whole group: Prefect's runner would wait for its flows
                    os.killpg(each.process.pid, signal.SIGTERM)
        self._asked = max(asked, 1)
        while any(each.process for each in chosen) and time.monotonic() < deadline and self._asked < 2:
            self._turn()

    def _pids(self) -> set[int]:
        return {each.process.pid for each in self._all if each.process}
