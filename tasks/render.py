"""A shard on a device: a staged clip, a score and a verdict for each of its variants."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapters.catalogue import Catalogue, Lease
from adapters.video import encode, read_frames, write_poster
from manifests.clip import Clip
from manifests.errors import EncodingFailed, LeaseLost
from manifests.gate import Gate
from models.base import Generated, Generator
from tasks.heartbeat import heartbeat
from tasks.owner import current_owner
from tasks.score import score_frames
from tasks.shard import Job, Shard, batched
from tasks.staging import Staging, is_intact, sha256_of
from tasks.wiring import Device, Wiring, cards_of, catalogue_of, devices_of, scorer_of

LEASED_AT_ONCE = 4
GOOD_STATES = ("passed", "approved", "signing", "published")


class ShardReport(NamedTuple):
    """How many of a shard's jobs went which way, and the seconds that the device worked."""

    passed: int
    failed: int
    not_needed: int
    device_seconds: float


def render_shard(wiring: Wiring, shard: Shard) -> ShardReport:
    """Render and judge the shard's jobs, a few leases at a time.

    A job that another worker holds or has finished is left alone; one whose briefs are all
    satisfied stays planned. What fails on one job is recorded there, and the rest goes on.
    """
    catalogue = catalogue_of(wiring)
    with devices_of(wiring).take() as device, heartbeat(catalogue, wiring.lease_s):
        bench = Bench(wiring, catalogue, shard, device)
        for jobs in batched(shard.jobs, LEASED_AT_ONCE):
            bench.work(jobs)
        return bench.report()


def satisfied_briefs(catalogue: Catalogue, shard: Shard) -> set[str]:
    """Return the briefs that already have as many good clips as they want."""
    if not shard.wants:
        return set()
    tallies = catalogue.tally_by_brief(shard.campaign_id)
    good = {brief_id: sum(states.get(state, 0) for state in GOOD_STATES) for brief_id, states in tallies.items()}
    return {brief_id for brief_id, want in shard.wants.items() if good.get(brief_id, 0) >= want}


class Bench:
    """Works on the jobs of one shard with one warm model."""

    def __init__(self, wiring: Wiring, catalogue: Catalogue, shard: Shard, device: Device) -> None:
        self._wiring = wiring
        self._catalogue = catalogue
        self._shard = shard
        self._device = device
        self._card = cards_of(wiring)[shard.card]
        self._staging = Staging(wiring.staging)
        self._outcomes: Counter[str] = Counter()
        self._device_seconds = 0.0

    def work(self, jobs: Sequence[Job]) -> None:
        """Lease what is free and needed of the jobs, and bring each to its verdict."""
        satisfied = satisfied_briefs(self._catalogue, self._shard)
        needed = {job.variant_id: job for job in jobs if not satisfied.issuperset(job.brief_ids)}
        self._outcomes["not needed"] += len(jobs) - len(needed)
        leases = self._catalogue.lease(
            list(needed), current_owner(), self._wiring.lease_s,
            states=("planned", "rendered"), attempts_cap=self._wiring.attempts,
        )
        try:
            for lease, clip, generated in self._clips(leases):
                self._judge(needed[lease.variant_id], lease, clip, generated)
        except BaseException:
            self._catalogue.release(leases)
            raise

    def report(self) -> ShardReport:
        """Return the tally so far."""
        return ShardReport(
            self._outcomes["passed"], self._outcomes["failed"], self._outcomes["not needed"], self._device_seconds
        )

    def _clips(self, leases: Sequence[Lease]) -> Iterator[tuple[Lease, Clip, Generated]]:
        staged = [lease for lease in leases if self._is_staged(lease)]
        for lease in staged:
            clip = lease.row.clip
            assert clip is not None
            yield lease, clip, Generated(lease.variant, read_frames(clip.path), 0.0, clip.device_seconds)
        to_make = [lease for lease in leases if lease not in staged]
        if to_make:
            yield from self._generate(to_make, self._device.generator(self._card))

    @staticmethod
    def _is_staged(lease: Lease) -> bool:
        clip = lease.row.clip
        return (lease.state == "rendered" and clip is not None
                and is_intact(clip.path, clip.sha256) and clip.poster.is_file())

    def _generate(self, leases: Sequence[Lease], generator: Generator) -> Iterator[tuple[Lease, Clip, Generated]]:
        results = generator.generate([lease.variant for lease in leases])
        for lease, result in zip(leases, results, strict=True):
            if isinstance(result, Exception):
                self._fail(lease, result)
                continue
            self._device_seconds += result.device_seconds
            try:
                yield lease, self._stage(lease, result), result
            except EncodingFailed as error:
                self._fail(lease, error)

    def _fail(self, lease: Lease, error: Exception) -> None:
        try:
            self._catalogue.generation_failed(lease, str(error) or type(error).__name__)
        except LeaseLost:
            return
        self._outcomes["failed"] += 1

    def _stage(self, lease: Lease, generated: Generated) -> Clip:
        folder = self._staging.folder(lease.variant_id)
        master, poster = folder / "master.mp4", folder / "poster.jpg"
        encode(generated.frames, lease.variant.fps, master)
        write_poster(generated.frames[len(generated.frames) // 2], poster)
        number, height, width, _ = generated.frames.shape
        return Clip(
            variant_id=lease.variant_id, path=master, poster=poster, sha256=sha256_of(master),
            size=master.stat().st_size, height=height, width=width, num_frames=number,
            fps=lease.variant.fps, device_seconds=generated.device_seconds,
        )

    def _judge(self, job: Job, lease: Lease, clip: Clip, generated: Generated) -> None:
        try:
            self._catalogue.rendered(lease, clip)
            score = score_frames(job.variant, job.variant_id, generated.frames, generated.nan_share,
                                 scorer_of(self._card), self._shard.prompts)
            verdict = Gate(job.min_adherence, self._shard.max_rank_share).judge(score)
            self._catalogue.judged(lease, score, verdict)
        except LeaseLost:
            return
        self._outcomes["passed" if verdict.passed else "failed"] += 1

