"""A simulated worker. It sends the same requests to the catalogue as a real one, and sleeps instead of generating."""

import random
import secrets
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from adapters.catalogue import Catalogue, Lease
from benchmarks.fanout.rows import variant_id
from manifests.clip import Clip
from manifests.costs.device_use import Cause, DeviceUse, UseKind
from manifests.scoring.score import Score
from manifests.scoring.verdict import Verdict

LEASED_AT_ONCE = 1
"""As in tasks/render/render.py for clips of more than two seconds."""
LEASED_SHARE = 0.25
"""As in tasks/render/render.py."""
SHARD = 32
LEASE_S = 60.0
BEATS_A_LEASE = 3
"""As in tasks/runtime/heartbeat.py."""
ATTEMPTS = 5

P = ParamSpec("P")
T = TypeVar("T")


class Slice(NamedTuple):
    """Variants ``start`` to ``stop`` of a campaign and its run, for the workers of one process."""

    campaign_id: str
    run_id: str
    start: int
    stop: int


class Piece(NamedTuple):
    """A shard."""

    campaign_id: str
    run_id: str
    variant_ids: tuple[str, ...]


@dataclass
class Notes:
    """Durations of calls in seconds, by name, and counters."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)

    def forget(self) -> None:
        """Clear all measurements."""
        self.seconds.clear()
        self.counts.clear()

    def timed(self, name: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call, and record the duration."""
        began = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            self.seconds[name].append(time.perf_counter() - began)


class Backlog:
    """Shards that wait for a device, by campaign. A run gives its shard back if another run has priority."""

    def __init__(self, slices: Sequence[Slice]) -> None:
        self._fresh = {one.campaign_id: _pieces(one) for one in slices}
        self._returned: dict[str, deque[Piece]] = {one.campaign_id: deque() for one in slices}
        self._lock = threading.Lock()

    def take(self, avoid: str = "") -> Piece | None:
        """Return the next shard of any campaign, preferably not the one to avoid. None if no shard is left."""
        names = random.sample(sorted(self._fresh), len(self._fresh))
        with self._lock:
            for campaign_id in sorted(names, key=lambda name: name == avoid):
                if self._returned[campaign_id]:
                    return self._returned[campaign_id].popleft()
                if piece := next(self._fresh[campaign_id], None):
                    return piece
        return None

    def give_back(self, piece: Piece) -> None:
        """Return the rest of a shard to the backlog."""
        self._returned[piece.campaign_id].append(piece)


def _pieces(one: Slice) -> Iterator[Piece]:
    for start in range(one.start, one.stop, SHARD):
        numbers = range(start, min(start + SHARD, one.stop))
        yield Piece(one.campaign_id, one.run_id, tuple(variant_id(one.campaign_id, number) for number in numbers))


class Worker:
    """Two concurrent routines. Each yields the seconds until its next step.

    Args:
        clip_s: Device seconds for a clip. 0 means as fast as the catalogue answers.
        is_new: Start with a new shard at once. Otherwise the worker starts in the middle of a shard.
    """

    def __init__(
        self, name: str, catalogue: Catalogue, backlog: Backlog, notes: Notes, clip_s: float, is_new: bool
    ) -> None:
        self._name, self._catalogue, self._backlog, self._notes = name, catalogue, backlog, notes
        self._clip_s, self._is_new = clip_s, is_new
        self._pause = clip_s if is_new else random.uniform(0, clip_s)  # noqa: S311
        self._avoid = ""
        self._uses: dict[str, DeviceUse] = {}

    def renders(self) -> Iterator[float]:
        """Process shard after shard. A worker that starts within a shard holds its leases at the first yield."""
        timed, catalogue = self._notes.timed, self._catalogue
        if self._is_new:
            yield 0.0
        elif piece := self._backlog.take():
            left = piece.variant_ids[random.randrange(SHARD) :]  # noqa: S311
            yield from self._shard(piece._replace(variant_ids=left))
        while piece := self._backlog.take(self._avoid):
            timed("shard_begins", catalogue.runs.shard_started, piece.run_id)
            timed("tries", catalogue.variants.tries, piece.variant_ids)
            yield from self._shard(piece)

    def beats(self) -> Iterator[float]:
        """Renew the leases of the worker in a loop."""
        yield random.uniform(0, LEASE_S / BEATS_A_LEASE)  # noqa: S311
        while True:
            held = self._notes.timed("renew", self._catalogue.leases.renew, self._name, LEASE_S)
            self._notes.counts["renewed"] += held
            yield LEASE_S / BEATS_A_LEASE

    def _shard(self, piece: Piece) -> Iterator[float]:
        timed, catalogue = self._notes.timed, self._catalogue
        left, self._avoid = piece.variant_ids, ""
        while left and not self._avoid:
            if timed("turn", catalogue.runs.turn, piece.run_id).may_work:
                yield from self._some(piece, left)
                left = left[LEASED_AT_ONCE:]
            else:
                self._avoid = piece.campaign_id
                self._notes.counts["refused"] += 1
                self._backlog.give_back(piece._replace(variant_ids=left))
        timed("shard_ends", catalogue.runs.shard_ended, piece.run_id)
        yield 0.0

    def _some(self, piece: Piece, variant_ids: Sequence[str]) -> Iterator[float]:
        timed, catalogue = self._notes.timed, self._catalogue
        leases = timed(
            "lease",
            catalogue.leases.acquire,
            variant_ids,
            self._name,
            LEASE_S,
            ("planned", "rendered"),
            attempts_cap=ATTEMPTS,
            campaign_id=piece.campaign_id,
            limit=LEASED_AT_ONCE,
            share=LEASED_SHARE,
        )
        self._notes.counts["leased"] += len(leases)
        self._notes.counts["not_leased"] += LEASED_AT_ONCE - len(leases)
        for lease in leases:
            yield self._pause
            self._pause = self._clip_s
            lost = timed("record", catalogue.results.record_batch, [judged(lease, self._clip_s)])
            self._notes.counts["lost"] += len(lost)
        use = self._uses.setdefault(piece.run_id, use_of(piece.campaign_id, piece.run_id, self._name))
        use = self._uses[piece.run_id] = replace(use, seconds=use.seconds + self._clip_s * len(leases))
        timed("book_run", catalogue.device_use.book, [use], {piece.run_id: len(leases)})


def use_of(campaign_id: str, run_id: str, owner: str) -> DeviceUse:
    """Return a new device use of a simulated device."""
    cause = Cause(campaign_id, run_id, "starter")
    return DeviceUse(secrets.token_hex(16), cause, UseKind.GENERATE, owner, "cuda:0", "simulated")


def judged(lease: Lease, clip_s: float) -> tuple[Lease, Clip, Score, Verdict]:
    """Return a lease with a clip, a score and a verdict."""
    key, variant = lease.variant_id, lease.variant
    clip = Clip(
        key,
        Path(f"/staging/{key}/master.mp4"),
        Path(f"/staging/{key}/poster.jpg"),
        key * 2,
        123456,
        variant.height,
        variant.width,
        variant.num_frames,
        variant.fps,
        clip_s,
        "machine-0042",
    )
    checks = {"luma_mean": 90.0, "nan_share": 0.0, "frame_difference": 3.5, "blockiness": 0.2}
    return lease, clip, Score(key, checks, 0.31, 1, 7, "starter-openclip@1"), Verdict(key)
