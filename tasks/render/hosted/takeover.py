"""Take over provider jobs that no process follows: jobs of failed hosts and of cancelled campaigns.

Jobs are polled and fetched here, but not submitted. The lease of a variant decides which process follows its job, so
any number of lanes and sweeps can try. Jobs of a campaign with a live run are left to that run.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import NamedTuple

from adapters.catalogue import Catalogue
from adapters.catalogue.work.steering import CANCELLED
from manifests.errors import ReelmillError
from manifests.hosted.job import JobState
from manifests.hosted.provider_job import ProviderJob
from manifests.states import State
from tasks.alerts import alerts
from tasks.plan.remaining import Remaining, release_dead_leases
from tasks.plan.shard import Shard
from tasks.render.hosted.lane import Following, follow_shard
from tasks.render.render import ShardReport, prompts_of
from tasks.runtime.resources import Resources, catalogue_of, hosted_card_of

log = logging.getLogger(__name__)
LOOK_S = 60.0
"""Seconds between two searches of a lane for jobs that no process follows."""
YIELD_S = 5.0
"""Seconds between two checks whether a run of the campaign has started, which then follows its jobs."""
WARN_S = 86_400.0
"""An alert is sent this long before a result is deleted, but not before half of its retention time has passed."""
THREADS = 8
"""Groups of jobs that are followed at the same time."""
PLACE = ("bucket", "bucket_endpoint", "bucket_region")
"""Settings of a campaign that decide where shared masters are staged."""


class LeftJobs(NamedTuple):
    """Open jobs of one campaign and one card that no process follows.

    Attributes:
        cancels: the campaign is cancelled, and no other campaign needs the variants.
    """

    campaign_id: str
    card: str
    cancels: bool
    jobs: tuple[ProviderJob, ...]


def left_jobs(catalogue: Catalogue, provider: str | None = None, *, is_dry: bool = False) -> list[LeftJobs]:
    """Return the open jobs that no process follows, except those of campaigns with a live run.

    Args:
        provider: only jobs of this account; None for all accounts.
        is_dry: do not release the leases of dead processes first.
    """
    if not is_dry:
        release_dead_leases(catalogue)
    live = {run.campaign_id for run in catalogue.runs.live()}
    return _grouped(catalogue, catalogue.provider_jobs.unfollowed(provider), live)


def jobs_of_cancelled(catalogue: Catalogue, campaign_id: str, card: str) -> list[LeftJobs]:
    """Return the open jobs of a campaign with one card, if the campaign is cancelled.

    Those whose clip could not be stored, because the cancellation ended the lease meanwhile, are fetched again.
    """
    _fetch_unstored(catalogue, campaign_id, card)
    jobs = [job for job in catalogue.provider_jobs.unfollowed(campaign_id=campaign_id) if job.card == card]
    return [group for group in _grouped(catalogue, jobs, set()) if group.cancels]


def _fetch_unstored(catalogue: Catalogue, campaign_id: str, card: str) -> None:
    done = [job for job in catalogue.provider_jobs.list(JobState.DONE, campaign_id, limit=100_000) if job.card == card]
    states = catalogue.variants.states([job.variant_id for job in done])
    for job in done:
        if job.fetched_at is not None and states.get(job.variant_id) == State.PLANNED:
            catalogue.provider_jobs.fetch_again(job.job_id)


def _grouped(catalogue: Catalogue, jobs: Iterable[ProviderJob], live: set[str]) -> list[LeftJobs]:
    found: defaultdict[tuple[str, str, bool], list[ProviderJob]] = defaultdict(list)
    by_variant = {job.variant_id: job for job in jobs}
    standings: dict[str, str] = {}
    for variant_id, campaigns in catalogue.variants.campaigns_of(by_variant).items():
        if campaigns & live:
            continue
        for name in campaigns - standings.keys():
            standings[name] = catalogue.steering.standing(name)
        wanted = sorted(name for name in campaigns if standings[name] != CANCELLED)
        job = by_variant[variant_id]
        campaign_id = job.campaign_id if not wanted or job.campaign_id in wanted else wanted[0]
        found[campaign_id, job.card, not wanted].append(job)
    return [LeftJobs(*key, tuple(each)) for key, each in found.items()]


def follow_left(
    resources: Resources, left: LeftJobs, max_rank_share: float, is_ended: Callable[[], bool]
) -> ShardReport | None:
    """Follow jobs to their end; return None if none of their variants is still needed.

    Args:
        is_ended: returns whether to stop; the leases of jobs that are still open are released.

    Raises:
        ReelmillError: this machine cannot use the card or its account, or as ``render_hosted_shard``.
    """
    catalogue, wanted = catalogue_of(resources), {job.variant_id for job in left.jobs}
    hosted_card_of(resources, left.card)
    shards = Remaining(resources, left.campaign_id, max_rank_share).shards(1_000_000)
    jobs = tuple(job for shard in shards for job in shard.jobs if job.variant_id in wanted)
    if not jobs:
        return None
    shard = Shard(left.campaign_id, jobs, {}, prompts_of(catalogue, left.campaign_id), max_rank_share)
    return follow_shard(resources, shard, Following(left.cancels, is_ended))


def follow_all(
    resources_for: Callable[[LeftJobs], Resources],
    groups: Iterable[LeftJobs],
    max_rank_share: float,
    is_ended: Callable[[], bool],
) -> list[tuple[LeftJobs, ShardReport | ReelmillError | None]]:
    """Follow groups of jobs at the same time; return each with its report, or the error that stopped it."""

    def follow(left: LeftJobs) -> ShardReport | ReelmillError | None:
        resources = resources_for(left)
        try:
            ends = _until_a_run(catalogue_of(resources), left, is_ended)
            return follow_left(resources, left, max_rank_share, ends)
        except ReelmillError as error:
            log.warning("Provider jobs of the campaign %s could not be followed: %s", left.campaign_id, error)
            return error

    with ThreadPoolExecutor(THREADS, thread_name_prefix="takeover") as pool:
        futures = [(left, pool.submit(copy_context().run, follow, left)) for left in groups]
        return [(left, future.result()) for left, future in futures]


def _until_a_run(catalogue: Catalogue, left: LeftJobs, is_ended: Callable[[], bool]) -> Callable[[], bool]:
    """Return a function that returns whether to stop, also because a run of the campaign has started meanwhile."""
    looked_at, has_run = time.monotonic(), False

    def ends() -> bool:
        nonlocal looked_at, has_run
        if time.monotonic() - looked_at > YIELD_S:
            looked_at = time.monotonic()
            has_run = any(run.campaign_id == left.campaign_id for run in catalogue.runs.live())
        return has_run or is_ended()

    return ends


def alert_expiring(resources: Resources, jobs: Iterable[ProviderJob]) -> list[ProviderJob]:
    """Alert about jobs whose results the provider will delete soon; return these jobs."""
    soon: defaultdict[tuple[str, str], list[ProviderJob]] = defaultdict(list)
    keeps: dict[tuple[str, str], float] = {}
    for job in jobs:
        kept_s = _retention_of(resources, job.card)
        done_at = job.ended_at or job.submitted_at or job.created_at
        if kept_s is not None and time.time() > done_at + kept_s - min(kept_s / 2, WARN_S):
            soon[job.campaign_id, job.card].append(job)
            keeps[job.campaign_id, job.card] = kept_s
    for key, found in soon.items():
        alerts.results_expiring(catalogue_of(resources), found, keeps[key] / 3600)
    return [job for found in soon.values() for job in found]


def _retention_of(resources: Resources, card: str) -> float | None:
    try:
        return hosted_card_of(resources, card).retention_s
    except ReelmillError:  # this machine does not have the card
        return None


@contextmanager
def taking_over(resources: Resources, card: str, campaign_id: str, max_rank_share: float) -> Iterator[None]:
    """During the block, search every minute for jobs of the card's account that no process follows; follow them."""
    ended = threading.Event()
    watch = _Watch(resources, card, campaign_id, max_rank_share, ended)
    thread = threading.Thread(target=copy_context().run, args=(watch.run,), name="takeover", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Watch:
    """Follows jobs of ended processes while the lane of a campaign runs."""

    def __init__(
        self, resources: Resources, card: str, campaign_id: str, max_rank_share: float, ended: threading.Event
    ) -> None:
        self._resources = resources
        self._catalogue = catalogue_of(resources)
        self._provider = hosted_card_of(resources, card).provider
        self._campaign_id = campaign_id
        self._max_rank_share = max_rank_share
        self._ended = ended
        self._tried: set[str] = set()

    def run(self) -> None:
        """Search until the block ends; an error ends only the current search."""
        while not self._ended.wait(LOOK_S):
            try:
                groups = [left for left in left_jobs(self._catalogue, self._provider) if self._may_follow(left)]
                follow_all(lambda _: self._resources, groups, self._max_rank_share, self._ended.is_set)
                self._tried.update(job.job_id for left in groups for job in left.jobs)
                alert_expiring(self._resources, self._catalogue.provider_jobs.unfollowed(self._provider))
            except ReelmillError as error:
                log.warning("The search for provider jobs that no process follows failed: %s", error)

    def _may_follow(self, left: LeftJobs) -> bool:
        """Return whether following may change a job, and the campaign stages its masters in the same bucket."""
        if not any(job.job_id not in self._tried or not needs_person(job) for job in left.jobs):
            return False
        if not self._resources.shared:
            return True
        mine, other = (self._catalogue.campaigns.get(name).settings for name in (self._campaign_id, left.campaign_id))
        return all(mine.get(name) == other.get(name) for name in PLACE)


def needs_person(job: ProviderJob) -> bool:
    """Return whether a job is uncertain or overdue, so that following it again is unlikely to change it."""
    return job.state is JobState.UNCERTAIN or time.time() > job.due_at
