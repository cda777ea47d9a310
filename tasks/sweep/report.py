"""The report of a sweep: findings by kind, with counts and names."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from manifests.pluralize import counted, in_number

MAX_NAMES = 1000
"""Maximum number of names stored per kind; all findings are counted."""


class Kind(NamedTuple):
    """A kind of finding.

    Attributes:
        noun: name of the finding in singular and plural; see ``in_number``.
        done: what the sweep did about it; empty if it only reports it.
        fix: what a person has to do; empty if nothing.
    """

    noun: str
    done: str = ""
    fix: str = ""

    def fix_text(self, number: int) -> str:
        """Return what a person has to do about a number of findings."""
        return in_number(self.fix, number)

    def counted(self, number: int) -> str:
        """Return ``1 published file missing from the bucket``."""
        return counted(number, self.noun)


KINDS: Mapping[str, Kind] = {
    "expired-lease": Kind("expired lease{s}", "ended"),
    "dead-worker": Kind("dead worker{s} on this machine", "removed together with {their} leases"),
    "lost-run": Kind("run{s} without a heartbeat", "marked as lost"),
    "left-job": Kind("provider job{s} that no process followed", "followed to {their} end"),
    "uncertain-job": Kind(
        "provider job{s} of which it is not known whether the provider has taken {them}",
        "",
        "List {them} with `reelmill jobs list`, then run `reelmill jobs adopt` or `reelmill jobs discard`",
    ),
    "overdue-job": Kind(
        "overdue provider job{s}", "", "Resume the campaign{s} with `reelmill resume`, which asks the provider again"
    ),
    "missing": Kind(
        "published file{s} missing from the bucket",
        "",
        "Restore {them} from the bucket's versions or a backup, or withdraw {their} clip{s} in the dashboard",
    ),
    "differing": Kind(
        "published file{s} changed after signing",
        "",
        "Find the cause, and restore the signed file{s} from the bucket's versions or a backup",
    ),
    "orphan": Kind("file{s} in the bucket without a clip", "moved to quarantine/"),
    "orphan-left": Kind(
        "file{s} in the bucket without a clip",
        "",
        "If another catalogue uses the same bucket, give each its own bucket or prefix; otherwise, run "
        "`reelmill sweep --many`",
    ),
    "withdrawn": Kind("withdrawn clip{s} with files in the bucket", "deleted there"),
    "withdrawn-left": Kind(
        "withdrawn clip{s} whose files cannot be deleted", "", "Fix the access to the bucket, then sweep again"
    ),
    "withdrawn-deliverable": Kind("withdrawn deliverable{s} with files in the bucket", "deleted there"),
    "signed-folder": Kind("staging folder{s} of signings that have ended", "deleted"),
    "partial": Kind("unfinished file{s} in staging", "deleted"),
    "master": Kind("master{s} of published, rejected or withdrawn clips", "deleted"),
    "original": Kind("provider's original{s} of published, rejected or withdrawn clips", "deleted"),
    "sound": Kind("sound file{s} of published, rejected or withdrawn clips", "deleted"),
    "deliverable-folder": Kind("staging folder{s} of deliverables that are done or made elsewhere", "deleted"),
    "fetched-master": Kind("fetched master{s} of deliverables", "deleted"),
    "unknown-folder": Kind("staging folder{s} of variants that are not in the catalogue", "deleted"),
    "unknown-left": Kind(
        "staging folder{s} of variants that are not in the catalogue",
        "",
        "If another catalogue uses the same REELMILL_HOME, give it its own; otherwise, run `reelmill sweep --many`",
    ),
    "shared-master": Kind("obsolete master{s} under staging/ in the bucket", "deleted"),
    "shared-original": Kind("obsolete original{s} of providers under staging/ in the bucket", "deleted"),
    "shared-sound": Kind("obsolete sound file{s} under staging/ in the bucket", "deleted"),
    "untrusted": Kind(
        "published clip{s} whose credential is not Trusted",
        "",
        "Check {them} with `reelmill verify`, and the signer with `reelmill signer`",
    ),
    "not-done": Kind("failed step{s}", "", "Fix the reported problem{s}, then sweep again"),
}
CHECKED: Mapping[str, str] = {
    "clips": "published clip{s} compared",
    "objects": "object{s} listed",
    "deliverables": "published deliverable{s} compared",
    "hashes": "object{s} compared by hash",
    "credentials": "credential{s} verified",
    "recent": "recent object{s} that no known clip uses (orphans after a day)",
    "other-campaigns": "object{s} of campaigns that this catalogue does not contain",
    "unrelated": "unrelated object{s} ignored",
    "elsewhere": "clip{s} published on another machine's disk",
    "bytes": "byte{s} in staging files",
}
"""What a sweep checks, in singular and plural; see ``in_number``."""


@dataclass(frozen=True, slots=True)
class Found:
    """Findings of one kind: their number, and the names of the first ones, sorted."""

    count: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepReport:
    """The result of a sweep.

    Attributes:
        dry_run: whether the findings were only reported.
        found: findings by the keys of KINDS.
        checked: numbers by the keys of CHECKED.
    """

    dry_run: bool
    found: Mapping[str, Found] = field(default_factory=dict)
    checked: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> Found:
        """Return the findings of a kind."""
        return self.found.get(kind, Found())

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not self.found

    @property
    def needs_person(self) -> dict[str, Found]:
        """Findings that need a person."""
        return {kind: found for kind, found in self.found.items() if KINDS[kind].fix}

    @property
    def checked_texts(self) -> list[str]:
        """What was checked, such as ``1 object listed``."""
        return [counted(number, CHECKED[what]) for what, number in self.checked.items()]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table: kind, number, what was done, and the first names."""
        for kind, found in self.found.items():
            yield {
                "found": in_number(KINDS[kind].noun, 2),
                "number": found.count,
                "done": self._done(kind, found.count) or KINDS[kind].fix_text(found.count),
                "names": names_text(found),
            }

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield, for each kind, its number with what was done or how to fix it, and the first names."""
        for kind, found in self.found.items():
            done, fix = self._done(kind, found.count), KINDS[kind].fix_text(found.count)
            yield f"{KINDS[kind].counted(found.count)}{f': {done}' if done else f'. {fix}'}.", names_text(found)

    def _done(self, kind: str, number: int) -> str:
        done = in_number(KINDS[kind].done, number)
        return f"would be {done}" if done and self.dry_run else done

    def as_json(self) -> dict[str, Any]:
        """Return the report for JSON output."""
        return {
            "dry_run": self.dry_run,
            "needs_person": bool(self.needs_person),
            "looked": dict(self.checked),
            "found": {kind: {"count": found.count, "names": list(found.names)} for kind, found in self.found.items()},
        }


def names_text(found: Found, shown: int = 3) -> str:
    """Return the first names and the number of further ones."""
    more = found.count - min(shown, len(found.names))
    return ", ".join(found.names[:shown]) + (f" and {more:,} more" if more else "")


class Notes:
    """Collects the findings of a sweep; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._names: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._checked: Counter[str] = Counter()

    def add(self, kind: str, name: str) -> None:
        """Add a finding; the same one is counted once."""
        with self._lock:
            name = name.encode("utf-8", "replace").decode()
            if name in self._names[kind]:
                return
            self._counts[kind] += 1
            if len(self._names[kind]) < MAX_NAMES:
                self._names[kind].add(name)

    def count(self, what: str, number: int = 1) -> None:
        """Count what was checked."""
        with self._lock:
            self._checked[what] += number

    def report(self, dry_run: bool) -> SweepReport:
        """Return the report."""
        found = {
            kind: Found(self._counts[kind], tuple(sorted(self._names[kind]))) for kind in KINDS if self._counts[kind]
        }
        return SweepReport(dry_run, found, {what: self._checked[what] for what in CHECKED if self._checked[what]})
