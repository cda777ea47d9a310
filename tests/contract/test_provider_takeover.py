"""Who follows the jobs of dead hosts and of cancelled campaigns, and how many are adopted at the same time."""

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest
from hosted_world import World, accept_every_clip, hurry, paid
from sqlalchemy import text
from vendor_server import Fault, VendorServer, scripted

from flows.fan_out.hosted_lanes import by_card
from manifests.hosted.job import Accepted, JobState
from manifests.hosted.provider_job import NewJob
from manifests.states import State
from models.hosted import kling
from tasks.plan.remaining import Remaining
from tasks.render.hosted import hosted_task, lane, takeover
from tasks.render.hosted.hosted_task import render_hosted
from tasks.runtime import resources as resources_module
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.steering import cancel_campaign, pause_campaign
from tasks.sweep.context import SweepOptions
from tasks.sweep.sweep import sweep_all

GONE = "another-host:1:2:3"
"""A lease owner on a host of which nothing is known."""
LETTERS = tuple("abcdefgh")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Accept every clip, and wait for milliseconds only."""
    lane.stopping.clear()
    accept_every_clip(monkeypatch)
    hurry(monkeypatch)
    monkeypatch.setattr(kling, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(takeover, "LOOK_S", 0.05)
    yield
    resources_module.close_resources()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """The address of an empty catalogue on each engine."""
    return request.getfixturevalue(f"new_{'sqlite' if request.param == 'sqlite' else 'postgres'}_url")


def submit(world, owner=GONE, *, is_known=True, seconds=600.0):
    """Submit a job for each variant that is planned, as another process; it keeps the leases for ``seconds``."""
    catalogue, source = world.catalogue, lane.provider_of(world.resources, world.card)
    ids = [row.variant_id for row in world.rows if row.state == State.PLANNED]
    leases = catalogue.leases.acquire(ids, owner, seconds, attempts_cap=5)
    for lease in leases:
        card = world.card
        new = NewJob(
            lease.variant_id, world.campaign_id, "", "vendor", card.name, card.protocol, source.base_url, "",
            card.price_of(lease.variant), card.deadline_s, key_digest=source.key_digest,
        )  # fmt: skip
        catalogue.provider_jobs.reserve(new, lease, source.limits._replace(concurrency=None))
        answer = source.submit(source.prepare(lease.variant, new.job_id, world.resources))
        assert isinstance(answer, Accepted)
        if is_known:
            catalogue.provider_jobs.submitted(new.job_id, answer)
    return leases


def expire(world):
    """Let all leases expire, as those of a host that has died."""
    with world.catalogue.database.writing() as connection:
        connection.execute(text("UPDATE variants SET lease_expires = 1.0 WHERE lease_owner IS NOT NULL"))


def render(world, run_id="", resources=None):
    """Run the lane of the campaign with its Prefect task's function."""
    chosen = resources or world.resources
    shards = Remaining(chosen, world.campaign_id, 1.0).shards(1000, run_id)
    return render_hosted.fn(chosen, "hosted", by_card(shards)["hosted"])


def begin(world):
    return world.catalogue.runs.begin(world.campaign_id, "threads", current_owner())


def sweep(world, **options):
    return sweep_all(world.resources, [], SweepOptions(sample=0, **options))


class Together:
    """A behaviour that answers polls only once those of ``number`` jobs have come."""

    def __init__(self, number):
        self._barrier = threading.Barrier(number)
        self._seen = set()
        self._lock = threading.Lock()

    def __call__(self, operation, job):
        if operation in ("poll", "list", "unknown") and job is not None:
            with self._lock:
                is_new = job.ref not in self._seen
                self._seen.add(job.ref)
            if is_new:
                self._barrier.wait(5.0)
        return Fault()


@pytest.mark.parametrize("is_known", [True, False], ids=["submitted", "uncertain"])
def test_open_jobs_are_adopted_at_the_same_time(tmp_path, monkeypatch, is_known):
    with VendorServer("kling") as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=LETTERS, **paid("external_id"))
        leases = submit(world, is_known=is_known)
        world.catalogue.leases.release(leases)
        vendor.behaviour = together = Together(len(LETTERS))
        monkeypatch.setattr(lane, "SPARE", 0)
        report = world.run()
        assert not together._barrier.broken
    assert (report.passed, report.problems) == (len(LETTERS), ())
    assert vendor.billed == Counter(LETTERS)


def test_the_open_jobs_of_all_shards_are_adopted_by_the_first(tmp_path):
    with VendorServer("kling") as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=LETTERS, **paid("external_id"))
        shards = tuple(Remaining(world.resources, world.campaign_id, 1.0).shards(3))
        last = {job.variant_id for job in shards[-1].jobs}
        others = [row.variant_id for row in world.rows if row.variant_id not in last]
        held = world.catalogue.leases.acquire(others, GONE, 600.0, attempts_cap=5)
        world.catalogue.leases.release([*submit(world), *held])
        ordered = hosted_task.open_first(world.catalogue, shards)
    assert {job.variant_id for job in ordered[0].jobs} >= last
    assert [len(shard.jobs) for shard in ordered] == [len(shard.jobs) for shard in shards]
    assert {job.variant_id for shard in ordered for job in shard.jobs} == {row.variant_id for row in world.rows}


def test_the_sweep_fetches_the_results_of_a_dead_host(tmp_path, database_url):
    with VendorServer("runway") as vendor:
        world = World(
            tmp_path, vendor.base_url, "runway", prompts=("a", "b"), catalogue_url=database_url, **paid("none")
        )
        submit(world)
        assert sweep(world)["left-job"].count == 0, "the leases are valid"
        assert vendor.count("poll") == 0
        expire(world)
        assert sweep(world, dry_run=True)["left-job"].count == 2
        assert vendor.count("poll") == 0
        report = sweep(world)
    assert report["left-job"].count == 2
    assert set(world.states) == {State.PASSED}
    assert {job.state for job in world.jobs} == {JobState.DONE}
    assert all(job.fetched_at for job in world.jobs)
    assert vendor.billed == Counter("ab")
    assert {row.lease_owner for row in world.rows} == {None}


def test_the_sweep_leaves_jobs_to_a_live_run_and_yields_to_one_that_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(takeover, "YIELD_S", 0.0)
    with VendorServer("runway") as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a",), **paid("none"))
        submit(world, seconds=-1.0)
        run_id = begin(world)
        sweep(world)
        assert vendor.count("poll") == 0
        world.catalogue.runs.end(run_id, "left")

        def beginning(operation, job):
            if operation == "poll" and vendor.count("poll") == 0:
                begin(world)
            return Fault(word="RUNNING") if operation == "poll" else Fault()

        vendor.behaviour = beginning
        sweep(world)
        assert vendor.count("poll") >= 1
        assert (world.states, world.rows[0].lease_owner) == ([State.PLANNED], None)
        vendor.behaviour = scripted()
        assert render(world, begin(world))[0].passed == 1
    assert vendor.billed == {"a": 1}


def test_two_sweeps_at_the_same_time_follow_each_job_once(tmp_path, database_url):
    with VendorServer("kling") as vendor:
        world = World(
            tmp_path, vendor.base_url, "kling", prompts=LETTERS, catalogue_url=database_url, **paid("external_id")
        )
        submit(world, seconds=-1.0)
        sweeps = [threading.Thread(target=sweep, args=(world,)) for _ in range(2)]
        for each in sweeps:
            each.start()
        for each in sweeps:
            each.join()
    assert set(world.states) == {State.PASSED}
    assert vendor.count("file") == len(LETTERS)


def test_a_paused_campaign_keeps_its_paid_results(tmp_path):
    with VendorServer("runway") as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a",), **paid("none"))
        submit(world, seconds=-1.0)
        pause_campaign(world.catalogue, world.campaign_id, "person:ann")
        sweep(world)
    assert (world.states, vendor.count("cancel")) == ([State.PASSED], 0)


def test_a_running_lane_takes_over_jobs_of_another_campaign_on_the_same_account(tmp_path):
    with VendorServer("runway") as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a",), **paid("none"))
        submit(world, seconds=-1.0)
        other = world.second("mine")

        def until_taken_over(operation, job):
            if operation == "poll" and job.prompt == "mine" and world.states != [State.PASSED]:
                return Fault(word="RUNNING")
            return Fault()

        vendor.behaviour = until_taken_over
        [report] = render(other, begin(other))
        assert (report.passed, world.states) == (1, [State.PASSED])
    assert vendor.billed == {"a": 1, "mine": 1}


def test_results_that_are_deleted_soon_cause_an_alert_if_nobody_can_follow(tmp_path):
    with VendorServer("runway") as vendor:
        changes = paid("none", retention_s=3600.0)
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a", "b"), **changes)
        submit(world, seconds=-1.0)
        world.resources = replace(world.resources, providers=())
        sweep(world)
        assert world.catalogue.alerts.all(10, kind="provider-results-expiring") == []
        with world.catalogue.database.writing() as connection:
            connection.execute(text("UPDATE provider_jobs SET submitted_at = :at"), {"at": time.time() - 2000})
        sweep(world)
        sweep(world)
    [alert] = world.catalogue.alerts.all(10, kind="provider-results-expiring")
    assert f"reelmill resume {world.campaign_id}" in alert.text
    assert "2 provider jobs of vendor" in alert.text


def test_waiting_jobs_of_a_cancelled_campaign_are_cancelled_at_the_provider(tmp_path, database_url):
    with VendorServer("runway") as vendor:
        world = World(
            tmp_path, vendor.base_url, "runway", prompts=("a", "b"), catalogue_url=database_url, **paid("none")
        )

        def cancelling(operation, job):
            if operation == "poll" and vendor.count("submit") == 2:
                cancel_campaign(world.catalogue, world.campaign_id, "person:ann")
            return Fault(word="PENDING") if operation == "poll" and not job.ended else Fault()

        vendor.behaviour = cancelling
        reports = render(world, begin(world))
    assert reports[-1].why_ended == "cancelled"
    assert vendor.count("cancel") == 2
    assert [(job.state, job.cost_micros) for job in world.jobs] == [(JobState.CANCELLED, 0)] * 2
    assert world.states == [State.PLANNED] * 2, "the campaign can be reopened"
    assert vendor.count("file") == 0


@pytest.mark.parametrize("wake_s", [0.0, 1.0], ids=["noticed at once", "noticed late"])
@pytest.mark.parametrize("protocol", ["runway", "kling"])
def test_running_jobs_of_a_cancelled_campaign_are_followed_because_they_are_paid(
    tmp_path, monkeypatch, protocol, wake_s
):
    monkeypatch.setattr(lane, "WAKE_S", wake_s)
    with VendorServer(protocol) as vendor:
        reconcile = "none" if protocol == "runway" else "external_id"
        world = World(tmp_path, vendor.base_url, protocol, prompts=("a",), **paid(reconcile))
        polls = Counter()

        def cancelling(operation, job):
            polls[operation] += 1
            if operation == "poll" and polls["poll"] == 1:
                cancel_campaign(world.catalogue, world.campaign_id, "person:ann")
            running = vendor.contract.words_of("running")[0]
            return Fault(word=running) if operation == "poll" and vendor.count("poll") < 4 else Fault()

        vendor.behaviour = cancelling
        render(world, begin(world))
    assert vendor.count("cancel") == 0
    assert vendor.count("submit") == 1
    [job] = world.jobs
    assert (job.state, job.cost_micros is not None, world.states) == (JobState.DONE, True, [State.PASSED])


def test_a_free_job_of_a_cancelled_campaign_is_cancelled_while_it_runs(tmp_path):
    with VendorServer("openai_videos") as vendor:
        world = World(tmp_path, vendor.base_url, prompts=("a",))

        def cancelling(operation, job):
            if operation == "poll" and not vendor.count("poll"):
                cancel_campaign(world.catalogue, world.campaign_id, "person:ann")
            if operation == "poll" and vendor.count("cancel"):
                return Fault(status=404, body=b'{"error": {"message": "no such video"}}')
            return Fault(word="in_progress") if operation == "poll" else Fault()

        vendor.behaviour = cancelling
        render(world, begin(world))
    assert (vendor.count("submit"), vendor.count("cancel")) == (1, 1)
    assert [job.state for job in world.jobs] == [JobState.CANCELLED]
    assert world.states == [State.PLANNED]


def test_the_sweep_cancels_jobs_of_a_campaign_that_was_cancelled_without_a_lane(tmp_path):
    with VendorServer("runway") as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a",), **paid("none"))
        submit(world, seconds=-1.0)
        cancel_campaign(world.catalogue, world.campaign_id, "person:ann")
        vendor.behaviour = lambda operation, job: (
            Fault(word="PENDING") if operation == "poll" and not job.ended else Fault()
        )
        sweep(world)
    assert vendor.count("cancel") == 1
    assert [(job.state, job.cost_micros) for job in world.jobs] == [(JobState.CANCELLED, 0)]
