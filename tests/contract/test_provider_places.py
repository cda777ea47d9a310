"""A job that is done gives its place at the provider to the next one at once; nothing is submitted twice by this."""

import threading
from collections import Counter

import pytest
from hosted_world import World, accept_every_clip, hurry, paid
from vendor_server import Fault, VendorServer

from adapters.catalogue.work.provider_jobs import ProviderJobs
from manifests.errors import CatalogueUnreachableError
from manifests.hosted.job import Cause, JobState
from manifests.states import State
from tasks.render.hosted import lane, schedule
from tasks.runtime import resources as resources_module

PROMPTS = ("a", "b", "c", "d", "e")
ONE_PLACE = {"limits_of_account": {"concurrency": 1}}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Accept every clip, and wait for milliseconds only."""
    lane.stopping.clear()
    accept_every_clip(monkeypatch)
    hurry(monkeypatch)
    yield
    resources_module.close_resources()


def before_the_first_follows(monkeypatch, act):
    """Call ``act`` before the first job gives its place to another one; return the ids of all that do."""
    ended: list[str] = []
    original = ProviderJobs.done_and_reserve

    def observed(self, done, *args):
        ended.append(done.job_id)
        if len(ended) == 1:
            act(done.job_id)
        return original(self, done, *args)

    monkeypatch.setattr(ProviderJobs, "done_and_reserve", observed)
    return ended


def test_a_place_passes_from_job_to_job(tmp_path, monkeypatch):
    ended = before_the_first_follows(monkeypatch, lambda _: None)
    with VendorServer("openai_videos", slots=1) as vendor:
        world = World(tmp_path, vendor.base_url, prompts=PROMPTS, **paid(), **ONE_PLACE)
        report = world.run()
    assert (report.passed, report.problems) == (5, ())
    assert vendor.billed == Counter(PROMPTS)
    assert [job.state for job in world.jobs] == [JobState.DONE] * 5
    assert ended
    assert set(ended) <= {job.job_id for job in world.jobs[:-1]}


def test_no_job_follows_after_the_account_was_paused(tmp_path, monkeypatch):
    with VendorServer("openai_videos") as vendor:
        world = World(tmp_path, vendor.base_url, prompts=PROMPTS, **paid(), **ONE_PLACE)
        before_the_first_follows(
            monkeypatch, lambda _: world.catalogue.provider_accounts.pause("vendor", Cause.MONEY, "no credit")
        )
        report = world.run()
        assert len(world.jobs) == sum(vendor.billed.values()) < 5
        assert Counter(world.states) == {State.PASSED: len(world.jobs), State.PLANNED: 5 - len(world.jobs)}
        assert any("no credit" in problem for problem in report.problems)
        world.catalogue.provider_accounts.resume("vendor", "person:ann")
        assert world.run().passed == 5 - report.passed
    assert vendor.billed == Counter(PROMPTS)


def test_the_next_job_is_kept_if_a_person_has_given_up_the_one_before(tmp_path, monkeypatch):
    with VendorServer("openai_videos") as vendor:
        world = World(tmp_path, vendor.base_url, prompts=PROMPTS, **paid(), **ONE_PLACE)
        given_up = before_the_first_follows(
            monkeypatch, lambda job_id: world.catalogue.provider_jobs.discard(job_id, "person:ann", is_billed=True)
        )
        world.run()
        lost = world.catalogue.provider_jobs.get(given_up[0])
    assert lost.state is JobState.LOST
    assert [row.state for row in world.rows if row.variant_id != lost.variant_id] == [State.PASSED] * 4
    assert set(vendor.billed) == set(PROMPTS)
    assert Counter(job.variant_id for job in world.jobs if job.variant_id != lost.variant_id).most_common(1)[0][1] == 1


def test_a_catalogue_that_fails_while_a_job_follows_loses_no_job(tmp_path, monkeypatch):
    def fail(_):
        raise CatalogueUnreachableError("the catalogue is away")

    with VendorServer("openai_videos") as vendor:
        world = World(tmp_path, vendor.base_url, prompts=PROMPTS, **paid(), **ONE_PLACE)
        before_the_first_follows(monkeypatch, fail)
        with pytest.raises(CatalogueUnreachableError):
            world.run()
        assert all(row.lease_owner is None for row in world.rows)
        world.run()
    assert vendor.billed == Counter(PROMPTS)
    assert world.states == [State.PASSED] * 5


def test_steps_that_wait_for_a_thread_submit_nothing_after_a_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "THREADS", 2)
    monkeypatch.setattr(lane, "WAKE_S", 0.02)
    closing = threading.Event()
    close = schedule.Schedule.close

    def observed(self):
        closing.set()
        close(self)

    def stop_at_submit(operation, _):
        if operation == "submit":
            lane.stopping.set()
            assert closing.wait(20)
        return Fault()

    monkeypatch.setattr(schedule.Schedule, "close", observed)
    with VendorServer("openai_videos", stop_at_submit) as vendor:
        world = World(tmp_path, vendor.base_url, prompts=tuple("abcdefgh"), **paid())
        world.run()
    assert vendor.count("submit") == 2
    assert set(world.states) == {State.PLANNED}
