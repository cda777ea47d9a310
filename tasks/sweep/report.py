"""What a sweep found, by kind, with a count and names."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from manifests.pluralize import counted, in_number

MOST_NAMES = 1000
"""Names that are kept of a kind; all are counted."""


class Kind(NamedTuple):
    """A kind of finding.

    Attributes:
        what: its words, for any number; see ``in_number``.
        did: what a sweep did about it; empty where it only tells of it.
        mend: what a person can do; empty where nobody needs to.
    """

    what: str
    did: str = ""
    mend: str = ""

    def mended(self, number: int) -> str:
        """Return what a person can do about so many."""
        return in_number(self.mend, number)

    def counted(self, number: int) -> str:
        """Return ``1 published file that is missing in the bucket``."""
        return counted(number, self.what)


KINDS: Mapping[str, Kind] = {
    "expired-lease": Kind("lease{s} that had expired", "ended"),
    "dead-worker": Kind("worker{s} of this machine that {are} gone", "{their} leases ended"),
    "lost-run": Kind("run{s} whose driver is silent", "ended as lost"),
    "missing": Kind(
        "published file{s} that {are} missing in the bucket",
        "",
        "put {them} back from the bucket's versions or a backup, or withdraw {their} clip{s} in the dashboard",
    ),
    "differing": Kind(
        "published file{s} with other bytes than were signed",
        "",
        "find out who wrote {them}, and put the signed one{s} back from the bucket's versions or a backup",
    ),
    "orphan": Kind("file{s} in the bucket that no clip names", "moved to quarantine/"),
    "orphan-left": Kind(
        "file{s} in the bucket that no clip names",
        "",
        "where they belong to another catalogue, give "
        "each a bucket or prefix of its own; where not, run `reelmill sweep --many`",
    ),
    "withdrawn": Kind("withdrawn clip{s} that still had files in the bucket", "removed"),
    "withdrawn-left": Kind(
        "withdrawn clip{s} whose files cannot be removed", "", "mend what the bucket says, and sweep again"
    ),
    "signed-folder": Kind("staged folder{s} of signings that came to an end", "removed"),
    "partial": Kind("staged file{s} that {were} never finished", "removed"),
    "master": Kind("master{s} of clips that are published, rejected or withdrawn", "removed"),
    "unknown-folder": Kind("staged folder{s} of variants that the catalogue does not know", "removed"),
    "unknown-left": Kind(
        "staged folder{s} of variants that the catalogue does not know",
        "",
        "where another catalogue uses the same REELMILL_HOME, give it its own; where not, run `reelmill sweep --many`",
    ),
    "shared-master": Kind("master{s} in the bucket's staging/ that nobody needs", "removed"),
    "untrusted": Kind(
        "published clip{s} whose credential does not read Trusted",
        "",
        "look at {them} by `reelmill verify`, and at the signer by `reelmill signer`",
    ),
    "not-done": Kind("step{s} that could not be done", "", "mend what is said, and sweep again"),
}
LOOKED: Mapping[str, str] = {
    "clips": "published clip{s} compared",
    "objects": "object{s} listed",
    "hashes": "object{s} whose hash was compared",
    "credentials": "credential{s} verified",
    "foreign": "object{s} of others, left alone",
    "elsewhere": "clip{s} published on another machine's disk",
    "bytes": "byte{s} of staged files",
}


@dataclass(frozen=True, slots=True)
class Found:
    """How many of a kind, and the names of the first of them, sorted."""

    count: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepReport:
    """A sweep's outcome.

    Attributes:
        dry_run: nothing was changed; what is told as done would have been.
        found: by kind, those of KINDS that were found.
        looked: by the names of LOOKED, how much was looked at.
    """

    dry_run: bool
    found: Mapping[str, Found] = field(default_factory=dict)
    looked: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> Found:
        """Return what was found of a kind."""
        return self.found.get(kind, Found())

    @property
    def is_empty(self) -> bool:
        """True where nothing was found."""
        return not self.found

    @property
    def for_people(self) -> dict[str, Found]:
        """What a person has to see to."""
        return {kind: found for kind, found in self.found.items() if KINDS[kind].mend}

    @property
    def looked_at(self) -> list[str]:
        """What was looked at, each as people say it: ``1 object listed``."""
        return [counted(number, LOOKED[what]) for what, number in self.looked.items()]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a table's rows: what, how many, what was done, the first names."""
        for kind, found in self.found.items():
            yield {
                "found": in_number(KINDS[kind].what, 2),
                "number": found.count,
                "done": self._done(kind, found.count),
                "names": names_text(found),
            }

    def told(self) -> Iterator[tuple[str, str]]:
        """Yield for each kind a sentence that counts it and says what was done, and the first names."""
        for kind, found in self.found.items():
            yield f"{KINDS[kind].counted(found.count)}; {self._done(kind, found.count)}.", names_text(found)

    def _done(self, kind: str, number: int) -> str:
        did = in_number(KINDS[kind].did, number)
        return f"would be {did}" if did and self.dry_run else did or f"to do: {KINDS[kind].mended(number)}"

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "dry_run": self.dry_run,
            "needs_person": bool(self.for_people),
            "looked": dict(self.looked),
            "found": {kind: {"count": found.count, "names": list(found.names)} for kind, found in self.found.items()},
        }


def names_text(found: Found, shown: int = 3) -> str:
    """Return the first names, and how many more there are."""
    more = found.count - min(shown, len(found.names))
    return ", ".join(found.names[:shown]) + (f" and {more:,} more" if more else "")


class Notes:
    """Gathers what a sweep finds; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._names: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._looked: Counter[str] = Counter()

    def add(self, kind: str, name: str) -> None:
        """Note a thing that was found; twice is once."""
        with self._lock:
            name = name.encode("utf-8", "replace").decode()
            if name in self._names[kind]:
                return
            self._counts[kind] += 1
            if len(self._names[kind]) < MOST_NAMES:
                self._names[kind].add(name)

    def look(self, what: str, number: int = 1) -> None:
        """Count what was looked at."""
        with self._lock:
            self._looked[what] += number

    def report(self, dry_run: bool) -> SweepReport:
        """Return all of it."""
        found = {
            kind: Found(self._counts[kind], tuple(sorted(self._names[kind]))) for kind in KINDS if self._counts[kind]
        }
        return SweepReport(dry_run, found, {what: self._looked[what] for what in LOOKED if self._looked[what]})
