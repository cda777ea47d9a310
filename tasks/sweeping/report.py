"""What a sweep found, by kind, with a count and names."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MOST_NAMES = 1000
"""Names that are kept of a kind; all are counted."""


class Kind(NamedTuple):
    """A kind of finding.

    Attributes:
        did: what a sweep did about it; empty where it only tells of it.
        mend: what a person can do; empty where nobody needs to.
    """

    what: str
    did: str = ""
    mend: str = ""


KINDS: Mapping[str, Kind] = {
    "expired-lease": Kind("leases that had expired", "ended"),
    "dead-worker": Kind("workers of this machine that are gone", "their leases ended"),
    "lost-run": Kind("runs whose driver is silent", "ended as lost"),
    "missing": Kind("published files that are missing in the bucket", "", "put them back from the bucket's versions or "
                    "a backup, or withdraw their clips in the dashboard"),
    "differing": Kind("published files with other bytes than were signed", "", "find out who wrote them, and put the "
                      "signed ones back from the bucket's versions or a backup"),
    "orphan": Kind("files in the bucket that no clip names", "moved to quarantine/"),
    "orphan-left": Kind("files in the bucket that no clip names", "", "where they belong to another catalogue, give "
                        "each a bucket or prefix of its own; where not, run `reelmill sweep --many`"),
    "withdrawn": Kind("withdrawn clips that still had files in the bucket", "removed"),
    "withdrawn-left": Kind("withdrawn clips whose files cannot be removed", "", "mend what the bucket says, and sweep "
                           "again"),
    "signed-folder": Kind("staged folders of signings that came to an end", "removed"),
    "partial": Kind("staged files that were never finished", "removed"),
    "master": Kind("masters of clips that are published, rejected or withdrawn", "removed"),
    "unknown-folder": Kind("staged folders of variants that the catalogue does not know", "removed"),
    "unknown-left": Kind("staged folders of variants that the catalogue does not know", "", "where another catalogue "
                         "uses the same REELMILL_HOME, give it its own; where not, run `reelmill sweep --many`"),
    "shared-master": Kind("masters in the bucket's staging/ that nobody needs", "removed"),
    "untrusted": Kind("published clips whose credential does not read Trusted", "", "look at them by `reelmill "
                      "verify`, and at the signer by `reelmill signer`"),
    "not-done": Kind("steps that could not be done", "", "mend what is said, and sweep again"),
}
LOOKED: Mapping[str, str] = {
    "clips": "published clips compared",
    "objects": "objects listed",
    "hashes": "objects whose hash was compared",
    "credentials": "credentials verified",
    "foreign": "objects of others, left alone",
    "elsewhere": "clips published on another machine's disk",
    "bytes": "bytes of staged files",
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

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a table's rows: what, how many, what was done, the first names."""
        for kind, found in self.found.items():
            did = KINDS[kind].did
            done = f"would be {did}" if did and self.dry_run else did or f"to do: {KINDS[kind].mend}"
            yield {"found": KINDS[kind].what, "number": found.count, "done": done, "names": names_text(found)}

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"dry_run": self.dry_run, "needs_person": bool(self.for_people), "looked": dict(self.looked),
                "found": {kind: {"count": found.count, "names": list(found.names)}
                          for kind, found in self.found.items()}}


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
        found = {kind: Found(self._counts[kind], tuple(sorted(self._names[kind]))) for kind in KINDS
                 if self._counts[kind]}
        return SweepReport(dry_run, found, {what: self._looked[what] for what in LOOKED if self._looked[what]})
