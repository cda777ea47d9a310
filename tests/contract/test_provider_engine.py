"""The engine of hosted generators against a provider that fails in every way, and counts what it bills."""

import time
from collections import Counter

import pytest
from hosted_world import World, paid
from sqlalchemy import text
from vendor_server import (
    Fault,
    VendorServer,
    always,
    expired,
    redirect,
    retired,
    scripted,
    too_fast,
    unavailable,
)

from adapters.hosted.errors import NotSentError
from manifests.costs.money import Money
from manifests.errors import ProviderError
from manifests.hosted.job import Cause, JobState
from manifests.hosted.provider_job import NewJob
from manifests.states import State
from tasks.render.hosted import lane, steps
from tasks.render.hosted.provider import Provider
from tasks.runtime.lease_owner import current_owner
from tasks.sweep import unsettled_jobs
from tasks.sweep.context import Sweep, SweepOptions

UNCLEAR = {
    "closed during the POST, not taken": Fault("close", takes=False),
    "closed after the POST, taken": Fault("close", takes=True),
    "closed midway in the answer": Fault("close_midway", takes=True),
    "hangs, not taken": Fault("hang", takes=False),
    "hangs, taken": Fault("hang", takes=True),
    "200 with half a body": Fault("half_body", takes=True),
    "503, not taken": unavailable(takes=False),
    "503, taken": unavailable(takes=True),
    "redirect, taken": redirect()._replace(takes=True),
    "200 with an unreadable body, taken": Fault(body=b"<html>", takes=True),
}

pytestmark = pytest.mark.usefixtures("quick")


def test_jobs_are_stored_with_reference_cost_and_digest(tmp_path):
    with VendorServer("openai_videos", polls_until_done=3, key="secret-key") as vendor:
        world = World(tmp_path, vendor.base_url, prompts=("a", "b", "c", "d", "e"), **paid())
        report = world.run()
    assert (report.passed, report.failed, report.problems) == (5, 0, ())
    assert world.states == [State.PASSED] * 5
    assert vendor.billed == Counter("abcde")
    for job in world.jobs:
        assert (job.state, job.cost_micros, job.currency) == (JobState.DONE, 250_000, "USD")
        assert job.cost_is_estimate
        assert job.vendor_ref in vendor.jobs
        assert job.fetched_at
        assert len(job.request_digest) == 64


@pytest.mark.parametrize("fault", UNCLEAR.values(), ids=UNCLEAR)
def test_an_unclear_submission_of_a_searchable_provider_is_settled_without_a_second_job(tmp_path, fault):
    with VendorServer("kling", scripted(submit=[fault])) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", **paid("external_id"))
        report = world.run()
    assert world.states == [State.PASSED], world.reason
    assert report.problems == ()
    assert vendor.billed == {"a red ball": 1}


@pytest.mark.parametrize("fault", UNCLEAR.values(), ids=UNCLEAR)
def test_an_unclear_submission_that_cannot_be_searched_for_waits_for_a_person(tmp_path, fault):
    with VendorServer("runway", scripted(submit=[fault])) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a red ball", "a cup"), **paid("none"))
        first, second = world.run(), world.run()
    assert vendor.count("submit") == 2
    assert sorted(world.states) == [State.PASSED, State.PLANNED]
    uncertain = next(job for job in world.jobs if job.state is JobState.UNCERTAIN)
    assert uncertain.reserved == Money(250_000, "USD")
    assert uncertain.error
    for report in (first, second):
        assert len(report.problems) == 1
        assert "reelmill jobs" in report.problems[0]
    left = next(row for row in world.rows if row.state == State.PLANNED)
    assert left.lease_owner is None
    assert left.tries == 0


def test_a_person_decides_and_the_next_run_continues(tmp_path):
    with VendorServer("runway", scripted(submit=[Fault("close", takes=True), Fault("close", takes=False)])) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a", "b"), **paid("none"))
        world.run()
        refs = {job.prompt: job.ref for job in vendor.jobs.values()}
        for row in world.rows:
            job = world.catalogue.provider_jobs.open_of([row.variant_id])[row.variant_id]
            if row.variant.prompt in refs:
                world.catalogue.provider_jobs.adopt(job.job_id, refs[row.variant.prompt], "person:ann")
            else:
                world.catalogue.provider_jobs.discard(job.job_id, "person:ann")
        report = world.run()
    assert report.problems == ()
    assert world.states == [State.PASSED] * 2
    assert vendor.billed == Counter("ab")


@pytest.mark.parametrize("fault", UNCLEAR.values(), ids=UNCLEAR)
def test_a_free_job_is_submitted_again(tmp_path, fault):
    with VendorServer("openai_videos", scripted(submit=[fault])) as vendor:
        world = World(tmp_path, vendor.base_url)
        world.run()
    assert world.states == [State.PASSED]
    assert vendor.count("submit") == 2


def test_a_closed_connection_before_the_request_is_read(tmp_path):
    with VendorServer("kling", scripted(submit=[Fault("close_before")])) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", **paid("external_id"))
        world.run()
    assert world.states == [State.PASSED]
    assert vendor.billed == {"a red ball": 1}


def test_a_server_that_is_not_there_leaves_no_job_and_no_money(tmp_path):
    with VendorServer("runway") as vendor:
        base_url = vendor.base_url
    world = World(tmp_path, base_url, "runway", **paid("none"))
    with pytest.raises(ProviderError, match=r"cannot be reached.*same command again"):
        world.run()
    assert world.states == [State.PLANNED]
    [job] = world.jobs  # each attempt uses the same one
    assert (job.state, job.is_unsent, job.cost_micros, job.attempt) == (JobState.CANCELLED, True, 0, 1)
    assert world.catalogue.provider_jobs.money() == []


def test_failed_polls_never_fail_a_job(tmp_path):
    storm = [unavailable(), Fault("close"), Fault("half_body"), Fault("hang"), redirect(), too_fast("0")]
    with VendorServer("runway", scripted(poll=[*storm, Fault(body=b"[]"), Fault(word="NEW_WORD")])) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none"))
        report = world.run()
    assert (report.passed, report.problems) == (1, ())
    assert vendor.count("submit") == 1
    assert vendor.count("poll") > 8


def test_an_unknown_word_is_followed_to_the_deadline_and_named(tmp_path):
    with VendorServer("runway", always(poll=Fault(word="DREAMING"))) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none", deadline_s=0.3))
        report = world.run()
        assert "unknown state DREAMING" in report.problems[0]
        assert "reelmill jobs" in report.problems[0]
        assert world.states == [State.PLANNED]
        assert [job.state for job in world.jobs] == [JobState.SUBMITTED]
        vendor.behaviour = scripted()
        assert world.run().passed == 1
    assert vendor.count("submit") == 1


def test_the_sweep_names_jobs_that_nobody_follows(tmp_path, monkeypatch):
    monkeypatch.setattr(unsettled_jobs, "SETTLING_S", 0.0)
    faults = scripted(submit=[Fault("close", takes=True)], poll=[Fault(word="DREAMING")] * 1000)
    with VendorServer("runway", faults) as vendor:
        changes = paid("none", deadline_s=0.2)
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a", "b"), **changes)
        world.run()
    sweep = Sweep(world.resources, [], SweepOptions())
    unsettled_jobs.report_unsettled(sweep)
    found = sweep.notes.report(dry_run=False).needs_person
    assert {kind: each.count for kind, each in found.items()} == {"uncertain-job": 1, "overdue-job": 1}


def test_an_expired_address_is_renewed(tmp_path):
    with VendorServer("runway", scripted(file=[expired(), expired()])) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none"))
        report = world.run()
    assert (report.passed, vendor.count("submit"), vendor.count("poll")) == (1, 1, 3)


def test_a_file_that_is_gone_is_lost_paid_and_not_generated_again(tmp_path):
    with VendorServer("runway", always(file=expired())) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none"))
        world.run()
        assert world.states == [State.FAILED]
        assert "counts as paid" in world.reason
        assert [(job.state, job.cost_micros) for job in world.jobs] == [(JobState.LOST, 250_000)]
    assert vendor.count("submit") == 1


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("oversized"), "larger than 1 MB"),
        (redirect("http://10.0.0.1/x.mp4"), "10.0.0.1"),
        (redirect("https://10.0.0.1/x.mp4"), "10.0.0.1"),
    ],
)
def test_a_file_that_must_not_be_fetched_stays_paid_and_is_named(tmp_path, fault, text):
    with VendorServer("runway", always(file=fault), oversize_mb=3) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none", max_mb=1, result_hosts=["*.example.com"]))
        report = world.run()
        assert text in report.problems[0]
        assert "at no extra cost" in report.problems[0]
        assert not list((tmp_path / "staging").rglob("*.part"))
        assert (world.states, world.jobs[0].state) == ([State.PLANNED], JobState.DONE)
        vendor.behaviour = scripted()
        assert world.run().passed == 1
    assert vendor.count("submit") == 1


def test_a_file_of_which_half_came_is_fetched_again(tmp_path):
    with VendorServer("runway", scripted(file=[Fault("close_midway"), Fault("close_midway")])) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none"))
        assert world.run().passed == 1
    assert vendor.count("submit") == 1


def test_a_retired_model_stops_its_card_with_one_sentence(tmp_path):
    with VendorServer("runway", always(submit=retired())) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=tuple("abcdefgh"), **paid("none"))
        with pytest.raises(ProviderError, match=r"does not offer the model small.*reelmill models"):
            world.run()
    assert vendor.count("submit") <= 3
    assert set(world.states) == {State.PLANNED}
    assert {job.state for job in world.jobs} == {JobState.REFUSED}


def test_a_provider_that_accepts_nothing_for_long_ends_the_lane_without_a_job(tmp_path):
    with VendorServer("kling", always(submit=unavailable())) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=("a", "b"), **paid("external_id"))
        with pytest.raises(ProviderError, match=r"vendor at .* cannot be used: .*503") as failure:
            world.run()
    assert failure.value.reason.startswith("vendor cannot be used: ")
    assert world.states == ["planned", "planned"]
    assert {job.state for job in world.jobs} == {"cancelled"}
    assert vendor.billed == {}


@pytest.mark.parametrize("cause", [Cause.AUTH, Cause.MONEY])
def test_a_refused_account_is_paused_with_one_alert(tmp_path, cause):
    with VendorServer("kling", always(submit=Fault(refusal=cause))) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=tuple("abcdefgh"), **paid("external_id"))
        first, second = world.run(), world.run()
    assert vendor.count("submit") <= 3
    assert set(world.states) == {State.PLANNED}
    assert world.catalogue.provider_accounts.get("vendor").paused_cause == cause
    for report in (first, second):
        assert "reelmill providers resume vendor" in report.problems[0]
    alerts = world.catalogue.alerts.all(10)
    assert [alert.kind for alert in alerts] == ["provider-account"]
    assert all(job.cost_micros == 0 for job in world.jobs)


def test_jobs_of_a_paused_account_are_still_fetched(tmp_path):
    with VendorServer("kling", polls_until_done=1) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=("a", "b"), **paid("external_id"))
        vendor.behaviour = scripted(submit=[Fault(), Fault(refusal="money")])
        report = world.run()
        assert (report.passed, vendor.count("submit")) == (1, 2)


def test_moderation_fails_one_variant_and_is_not_repeated(tmp_path):
    with VendorServer("kling", scripted(submit=[Fault(refusal="moderation")])) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=("a", "b", "c"), **paid("external_id"))
        world.run()
        assert sorted(world.states) == [State.FAILED, State.PASSED, State.PASSED]
    assert vendor.count("submit") == 3
    assert "does not retry it automatically" in next(row.error for row in world.rows if row.state == State.FAILED)


def test_three_invalid_requests_in_a_row_stop_the_card(tmp_path):
    with VendorServer("kling", always(submit=Fault(refusal="invalid"))) as vendor:
        world = World(
            tmp_path,
            vendor.base_url,
            "kling",
            prompts=tuple("abcdefgh"),
            **paid("external_id", limits_of_account={"concurrency": 1}),
        )
        with pytest.raises(ProviderError, match="3 requests of the card hosted in a row"):
            world.run()
    assert vendor.count("submit") == 3
    assert Counter(world.states) == {State.FAILED: 3, State.PLANNED: 5}


def test_too_many_requests_slow_the_account_down(tmp_path):
    with VendorServer("kling", scripted(submit=[too_fast("0"), too_fast("0")])) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=("a", "b"), **paid("external_id"))
        report = world.run()
    assert (report.passed, report.failed) == (2, 0)
    assert vendor.billed == Counter("ab")
    assert world.catalogue.provider_accounts.get("vendor").slowed_until


def test_the_accounts_places_are_never_exceeded(tmp_path):
    with VendorServer("kling", job_s=0.1, slots=2) as vendor:
        world = World(
            tmp_path,
            vendor.base_url,
            "kling",
            prompts=tuple("abcdefgh"),
            **paid("external_id", limits_of_account={"concurrency": 2}),
        )
        assert world.run().passed == 8
    assert vendor.count("submit") == 8  # none was refused for the provider's own limit


def test_a_job_that_failed_for_free_is_submitted_once_more(tmp_path):
    with VendorServer("openai_videos", ends="failed") as vendor:
        world = World(tmp_path, vendor.base_url)
        world.run()
    assert (world.states, vendor.count("submit")) == ([State.FAILED], 2)


def test_a_paid_job_that_failed_is_not_submitted_again_without_the_providers_word(tmp_path):
    with VendorServer("kling", ends="failed") as vendor:
        world = World(tmp_path, vendor.base_url, "kling", **paid("external_id", billed_on_failure="unknown"))
        world.run()
    assert (world.states, vendor.count("submit")) == ([State.FAILED], 1)
    assert [(job.state, job.cost_micros) for job in world.jobs] == [(JobState.FAILED, 250_000)]


def test_the_budget_ends_the_shard_before_it_is_exceeded(tmp_path):
    of_the_contract = {"currency": "USD", "per_second": {"any": "0.42"}, "as_of": "2026-11-29", "source": "tests"}
    with VendorServer("kling", job_s=0.05) as vendor:
        changes = paid("external_id", prices=of_the_contract)
        world = World(tmp_path, vendor.base_url, "kling", prompts=tuple("abcdefgh"), **changes)
        budget = Money.of("2.00", "USD")
        run_id = world.catalogue.runs.begin(world.campaign_id, "threads", current_owner(), budget=budget)
        report = world.run(run_id)
    assert (report.passed, report.why_ended, report.problems) == (4, "budget", ())
    assert vendor.count("submit") == 4


@pytest.mark.parametrize("was_taken", [True, False])
def test_a_job_whose_process_died_while_submitting_is_searched_for(tmp_path, was_taken):
    with VendorServer("kling") as vendor:
        world = World(tmp_path, vendor.base_url, "kling", **paid("external_id"))
        job_id = submit_and_die(world, vendor, was_taken)
        report = world.run()
    assert (report.passed, report.problems) == (1, ())
    assert vendor.billed == {"a red ball": 1}
    assert world.jobs[0].job_id == job_id
    assert len(world.jobs) == (1 if was_taken else 2)
    assert world.rows[0].tries <= 1


def submit_and_die(world: World, vendor: VendorServer, was_taken: bool) -> str:
    """Reserve a job, send its request or not, and forget the answer."""
    variant_id = world.rows[0].variant_id
    (lease,) = world.catalogue.leases.acquire([variant_id], "gone:1:2:3", 60.0, attempts_cap=5)
    source = lane.provider_of(world.resources, world.card)
    new = NewJob(variant_id, world.campaign_id, "", "vendor", "hosted", "kling", vendor.base_url, "", None, 60.0)
    world.catalogue.provider_jobs.reserve(new, lease, source.limits)
    if was_taken:
        source.submit(source.prepare(lease.variant, new.job_id, world.resources))
    world.catalogue.leases.release_owner("gone:1:2:3")
    return new.job_id


def test_jobs_are_adopted_after_a_stop(tmp_path):
    with VendorServer("kling", job_s=0.2) as vendor:
        world = World(tmp_path, vendor.base_url, "kling", prompts=("a", "b", "c"), **paid("external_id"))
        vendor.behaviour = stopping_after(3)
        world.run()
        assert set(world.states) == {State.PLANNED}
        assert {job.state for job in world.jobs} == {JobState.SUBMITTED}
        lane.stopping.clear()
        vendor.behaviour = scripted()
        assert world.run().passed == 3
    assert vendor.count("submit") == 3
    assert [row.tries for row in world.rows] == [0, 0, 0]


def stopping_after(number: int):
    """Return a behaviour that stops this process at the first poll after ``number`` submissions."""
    seen = Counter()

    def behaviour(operation, job):
        seen[operation] += 1
        if operation == "poll" and seen["submit"] >= number:
            lane.stopping.set()
        return Fault()

    return behaviour


def test_a_clip_that_is_missing_here_is_fetched_again(tmp_path):
    with VendorServer("kling") as vendor:
        world = World(tmp_path, vendor.base_url, "kling", **paid("external_id"))
        world.run()
        row = world.rows[0]
        plan_again(world, row.variant_id)
        started = time.time()
        assert world.run().passed == 1
    assert vendor.count("submit") == 1
    assert world.jobs[0].fetched_at >= started - 1


def plan_again(world: World, variant_id: str) -> None:
    """Plan a variant whose clip is gone, as delivery does."""
    with world.catalogue.database.writing() as connection:
        connection.execute(text("UPDATE variants SET state = 'planned', clip = NULL, score = NULL"))


def test_a_server_that_goes_away_ends_the_run_and_the_next_one_adopts_its_job(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "MAX_SILENT_S", 0.05)
    with VendorServer("runway", polls_until_done=10_000) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none"))
        send = Provider.poll

        def poll_of_a_server_that_has_ended(provider, job, variant):
            raise NotSentError("127.0.0.1 cannot be reached (ConnectError).")

        monkeypatch.setattr(Provider, "poll", poll_of_a_server_that_has_ended)
        with pytest.raises(ProviderError, match=r"cannot be reached.*to continue the submitted jobs"):
            world.run()
        [job] = world.jobs
        assert (job.state, world.states) == (JobState.SUBMITTED, [State.PLANNED])
        monkeypatch.setattr(Provider, "poll", send)
        vendor.polls_until_done = 1
        world.run()
    assert world.states == [State.PASSED]
    assert vendor.billed == {"a red ball": 1}
