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
from tasks.shard import GOOD_STATES, Job, Shard
from tasks.staging import Staging, is_intact, sha256_of
from tasks.stop import stopping
from tasks.wiring import Device, Wiring, card_of, catalogue_of, devices_of, scorer_of

LEASED_AT_ONCE = 4


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
        appetite = Appetite(catalogue, shard)
        waiting: Sequence[Job] = shard.jobs
        while waiting and not stopping.is_set():
            jobs, waiting = appetite.choose(waiting, LEASED_AT_ONCE)
            bench.work(jobs)
        return bench.report(not_needed=appetite.not_needed)


class Appetite:
    """Knows which jobs are still needed: a brief may want only so many clips that pass."""

    def __init__(self, catalogue: Catalogue, shard: Shard) -> None:
        self._catalogue = catalogue
        self._shard = shard
        self.not_needed = 0

    def choose(self, jobs: Sequence[Job], number: int) -> tuple[list[Job], list[Job]]:
        """Return up to ``number`` jobs to do now, and those to look at again after that.

        No more are taken of a brief than it lacks; those of satisfied briefs are dropped.
        """
        lacking = self._lacking()
        needed = [job for job in jobs if any(lacking.get(brief_id, 1) > 0 for brief_id in job.brief_ids)]
        self.not_needed += len(jobs) - len(needed)
        now: list[Job] = []
        later: list[Job] = []
        for job in needed:
            if len(now) < number and any(lacking.get(brief_id, 1) > 0 for brief_id in job.brief_ids):
                now.append(job)
                lacking.update({brief_id: lacking[brief_id] - 1 for brief_id in job.brief_ids if brief_id in lacking})
            else:
                later.append(job)
        return now, later

    def _lacking(self) -> dict[str, int]:
        """How many good clips each brief lacks that wants a number of them."""
        if not self._shard.wants:
            return {}
        tallies = self._catalogue.tally_by_brief(self._shard.campaign_id)
        good = {brief_id: sum(states.get(state, 0) for state in GOOD_STATES) for brief_id, states in tallies.items()}
        return {brief_id: want - good.get(brief_id, 0) for brief_id, want in self._shard.wants.items()}


class Bench:
    """Works on the jobs of one shard with one warm model."""

    def __init__(self, wiring: Wiring, catalogue: Catalogue, shard: Shard, device: Device) -> None:
        self._wiring = wiring
        self._catalogue = catalogue
        self._shard = shard
        self._device = device
        self._card = card_of(wiring, shard.card)
        self._staging = Staging(wiring.staging)
        self._outcomes: Counter[str] = Counter()
        self._device_seconds = 0.0

    def work(self, jobs: Sequence[Job]) -> None:
        """Lease what is free of the jobs, and bring each to its verdict."""
        by_id = {job.variant_id: job for job in jobs}
        leases = self._catalogue.lease(
            list(by_id), current_owner(), self._wiring.lease_s,
            states=("planned", "rendered"), attempts_cap=self._wiring.attempts,
        )
        try:
            for lease, clip, generated in self._clips(leases):
                self._judge(by_id[lease.variant_id], lease, clip, generated)
                if stopping.is_set():
                    break
        finally:
            # What has its verdict holds no lease any more; the rest was not begun.
            self._catalogue.release(leases)

    def report(self, not_needed: int) -> ShardReport:
        """Return the tally so far."""
        return ShardReport(self._outcomes["passed"], self._outcomes["failed"], not_needed, self._device_seconds)

    def _clips(self, leases: Sequence[Lease]) -> Iterator[tuple[Lease, Clip, Generated]]:
        staged = [lease for lease in leases if self._is_staged(lease)]
        for lease in staged:
            clip = lease.row.clip
            assert clip is not None
            yield lease, clip, Generated(lease.variant, read_frames(clip.path), 0.0, clip.device_seconds)
        to_make = [lease for lease in leases if lease not in staged]
        if to_make:
            yield from self._generate(to_make, self._device.generator(self._card))

    def _is_staged(self, lease: Lease) -> bool:
        clip = lease.row.clip
        return (lease.state == "rendered" and clip is not None and clip.machine == self._wiring.machine
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
            fps=lease.variant.fps, device_seconds=generated.device_seconds, machine=self._wiring.machine,
        )

    def _judge(self, job: Job, lease: Lease, clip: Clip, generated: Generated) -> None:
        try:
            self._catalogue.rendered(lease, clip)
            gate = Gate(job.min_adherence, self._shard.max_rank_share)
            score = score_frames(generated, scorer_of(self._wiring, self._card), self._shard.prompts, gate)
            verdict = gate.judge(score)
            self._catalogue.judged(lease, score, verdict)
        except LeaseLost:
            return
        self._outcomes["passed" if verdict.passed else "failed"] += 1

