"""Looks at everything that a run will need, each thing for a bounded time, and says how to mend what is wrong."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from manifests.errors import ReelmillError
from tasks.runtime.redaction import redact

OK, WARN, FAIL = "ok", "warn", "fail"
LIMIT_S = 30.0
"""Seconds for a check that names no other limit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    Attributes:
        level: ``ok``, ``warn`` (works, or will for a while) or ``fail`` (a run would not).
        told: what is so.
        mend: what to do about it; empty where nothing is to be done, or ``told`` says it.
        seconds: that the check took.
    """

    level: str
    told: str
    mend: str = ""
    check: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """A check, and the seconds that it may take."""

    look: Callable[[], Finding]
    limit_s: float = LIMIT_S


def examine(checks: Mapping[str, Check]) -> list[Finding]:
    """Do all checks at once and return what they found, in their order; secrets are taken out of it.

    One that takes longer than its limit has failed; its thread is left behind and ends with the process.
    """
    looks = [_Look(name, check) for name, check in checks.items()]
    for look in looks:
        look.start()
    return [_told(look.outcome()) for look in looks]


class _Look(threading.Thread):
    def __init__(self, name: str, check: Check) -> None:
        super().__init__(name=f"check {name}", daemon=True)
        self._check = check
        self._called = name
        self._began = time.monotonic()
        self._finding: Finding | None = None

    def run(self) -> None:
        try:
            found = self._check.look()
        except ReelmillError as error:
            found = Finding(FAIL, str(error))
        except OSError as error:
            found = Finding(
                FAIL,
                f"{error.filename or 'The system'}: {error.strerror or error}.",
                "Check the path, its rights and the disk.",
            )
        except Exception as error:  # noqa: BLE001 - a check that stumbles is a finding like any other
            found = Finding(
                FAIL,
                f"{type(error).__name__}: {error}",
                "Run `reelmill doctor` again; if it stays so, report it with this line.",
            )
        self._finding = replace(found, seconds=time.monotonic() - self._began)

    def outcome(self) -> Finding:
        limit = self._check.limit_s
        self.join(max(0.0, self._began + limit - time.monotonic()))
        found = self._finding or Finding(
            FAIL,
            f"No answer within {limit:.0f} s.",
            "See whether network, disk and service are alive, then run it again.",
            seconds=limit,
        )
        return replace(found, check=self._called)


def _told(finding: Finding) -> Finding:
    return replace(finding, told=redact(finding.told), mend=redact(finding.mend))
