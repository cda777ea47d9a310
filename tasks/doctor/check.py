"""Run checks concurrently, each with a time limit, and return their findings."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from manifests.errors import ReelmillError
from tasks.runtime.logs.redaction import redact

OK, WARN, FAIL = "ok", "warn", "fail"
LIMIT_S = 30.0
"""Default time limit of a check, in seconds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        level: ``ok``, ``warn`` (a run works, at least for now) or ``fail`` (a run would fail).
        message: what was found.
        fix: how to fix it; empty if there is nothing to fix or ``message`` contains the fix.
        check: name of the check.
        seconds: duration of the check.
    """

    level: str
    message: str
    fix: str = ""
    check: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """A check and its time limit in seconds. It returns one finding for each cause."""

    function: Callable[[], Finding | Sequence[Finding]]
    limit_s: float = LIMIT_S


def run_checks(checks: Mapping[str, Check]) -> list[Finding]:
    """Run all checks concurrently and return their findings in the same order, with secrets redacted.

    A check that exceeds its limit fails; its daemon thread ends with the process.
    """
    threads = [_CheckThread(name, check) for name, check in checks.items()]
    for thread in threads:
        thread.start()
    return [_redacted(finding) for thread in threads for finding in thread.findings()]


class _CheckThread(threading.Thread):
    def __init__(self, name: str, check: Check) -> None:
        super().__init__(name=f"check {name}", daemon=True)
        self._check = check
        self._check_name = name
        self._began = time.monotonic()
        self._findings: Sequence[Finding] = ()

    def run(self) -> None:
        try:
            found = self._found()
        except ReelmillError as error:
            found = [Finding(FAIL, str(error))]
        except OSError as error:
            what = f"{error.filename or 'System call'}: {error.strerror or error}."
            found = [Finding(FAIL, what, "Check the path, its permissions and the disk.")]
        except Exception as error:  # noqa: BLE001 - an unexpected error is a finding too
            fix = "Run `reelmill doctor` again. If the error persists, report it with this line."
            found = [Finding(FAIL, f"{type(error).__name__}: {error}", fix)]
        self._findings = [replace(each, seconds=time.monotonic() - self._began) for each in found]

    def _found(self) -> Sequence[Finding]:
        found = self._check.function()
        return [found] if isinstance(found, Finding) else found

    def findings(self) -> list[Finding]:
        limit = self._check.limit_s
        self.join(max(0.0, self._began + limit - time.monotonic()))
        silent = Finding(
            FAIL,
            f"No answer within {limit:.0f} s.",
            "Check that the network, the disk and the service respond, then run the command again.",
            seconds=limit,
        )
        return [replace(found, check=self._check_name) for found in self._findings or [silent]]


def _redacted(finding: Finding) -> Finding:
    return replace(finding, message=redact(finding.message), fix=redact(finding.fix))
