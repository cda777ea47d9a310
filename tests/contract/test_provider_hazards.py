"""What must not cost money twice, lose a paid clip, show a key or stop other clips, when something unusual happens."""

from dataclasses import replace

import pytest
from hosted_world import World, paid
from vendor_server import Fault, VendorServer, always, scripted, unavailable

from manifests.campaign import Campaign
from manifests.errors import CardRuleError, ProviderError
from manifests.hosted.job import JobState
from manifests.hosted.job_errors import JobStateError, TakenReferenceError
from manifests.states import State
from models.hosted.runway import Runway
from tasks.render.hosted import lane, reconcile, steps
from tasks.review.retry_failed import retry_failed

ONE_AT_A_TIME = {"limits_of_account": {"concurrency": 1}}

pytestmark = pytest.mark.usefixtures("quick")


def test_a_key_that_cannot_be_sent_leaves_no_uncertain_job(tmp_path):
    with VendorServer("runway") as vendor:
        world = World(tmp_path, vendor.base_url, "runway", key="secret\u2019key", **paid("none"))
        with pytest.raises(ProviderError) as caught:
            world.run()
    assert "secret" not in str(caught.value)
    assert vendor.count("submit") == 0
    assert {job.state for job in world.jobs} <= {JobState.CANCELLED}
    assert sum(job.cost_micros or job.reserved_micros for job in world.jobs if job.state is not JobState.CANCELLED) == 0


def test_a_job_that_a_person_closes_meanwhile_does_not_stop_the_others(tmp_path):
    with VendorServer("runway", job_s=0.1) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a", "b"), **paid("none"))

        def discarding(operation, job):
            if operation == "file" and job.prompt == "a":
                known = next(each for each in world.jobs if each.vendor_ref == job.ref)
                world.catalogue.provider_jobs.discard(known.job_id, "person:ann", is_billed=True)
            return Fault()

        vendor.behaviour = discarding
        report = world.run()
    assert report.passed == 1
    assert sorted(job.state for job in world.jobs) == [JobState.DONE, JobState.LOST]
    assert vendor.count("submit") == 2


def test_the_key_of_a_new_address_is_not_sent_to_the_old_one(tmp_path):
    with (
        VendorServer("runway", scripted(poll=[Fault("hang")] * 99), key="old-key") as old,
        VendorServer("runway") as new,
    ):
        world = World(tmp_path, old.base_url, "runway", key="old-key", **paid("none", deadline_s=0.3))
        world.run()
        assert [job.state for job in world.jobs] == [JobState.SUBMITTED]
        asked = len(old.requests)
        account = replace(world.account, key="new-key", url=new.base_url)
        world.resources = replace(world.resources, providers=(account,))
        report = world.run()
        assert not [seen for seen in old.requests[asked:] if "new-key" in str(seen.headers)]
        assert world.states == [State.PLANNED]
        assert [job.state for job in world.jobs] == [JobState.SUBMITTED]
        assert not world.catalogue.provider_accounts.get("vendor").is_paused
        assert report.problems
        assert "new-key" not in str(report.problems)
        assert new.count("submit") == 0


def test_the_reference_of_another_job_is_not_a_second_clip(tmp_path):
    with VendorServer("runway", job_s=0.3) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a", "b"), **paid("none", **ONE_AT_A_TIME))
        first: list[int] = []

        def mixing(operation, job):
            if operation == "submit" and first:
                return Fault(body=f'{{"id": "{next(iter(vendor.jobs))}"}}'.encode())
            if operation == "submit":
                first.append(1)
            return Fault()

        vendor.behaviour = mixing
        world.run()
        left = next(job for job in world.jobs if job.state is JobState.UNCERTAIN)
        with pytest.raises(TakenReferenceError, match="is that of the provider job"):
            world.catalogue.provider_jobs.adopt(left.job_id, next(iter(vendor.jobs)), "person:ann")
    refs = [job.vendor_ref for job in world.jobs if job.vendor_ref]
    assert len(set(refs)) == len(refs)
    assert sorted(job.state for job in world.jobs) == [JobState.DONE, JobState.UNCERTAIN]


def test_a_picture_that_is_too_large_fails_its_variant_only(tmp_path, monkeypatch):
    real = Runway.submit

    def submit(self, request):
        if request.variant.prompt == "a":
            raise CardRuleError("The picture has 9 bytes, more than the provider accepts.")
        return real(self, request)

    monkeypatch.setattr(Runway, "submit", submit)
    with VendorServer("runway") as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a", "b"), **paid("none"))
        report = world.run()
    assert (report.passed, report.failed) == (1, 1)
    assert "The picture has" in world.reason


def test_a_status_of_another_job_is_not_taken_for_ours(tmp_path):
    other = (
        b'{"code": 0, "data": [{"id": "other", "status": "succeeded", "outputs": '
        b'[{"type": "video", "url": "%s/files/other.mp4"}]}]}'
    )
    with VendorServer("kling") as vendor:
        vendor.behaviour = scripted(poll=[Fault(body=other % vendor.base_url.encode())])
        world = World(tmp_path, vendor.base_url, "kling", **paid("external_id"))
        assert world.run().passed == 1
    assert [seen.path for seen in vendor.requests if seen.operation == "file" and "other" in seen.path] == []


def test_a_lost_job_that_the_provider_has_after_all_is_fetched_without_a_second_one(tmp_path):
    gone = Fault(status=404, body=b'{"error": "no such task"}')
    with VendorServer("runway", scripted(poll=[gone] * 3)) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none"))
        world.run()
        assert (world.states, [job.state for job in world.jobs]) == ([State.FAILED], [JobState.LOST])
        assert "reelmill jobs adopt" in world.reason
        lost = world.jobs[0]
        taken = world.catalogue.provider_jobs.adopt(lost.job_id, lost.vendor_ref, "person:ann")
        assert (taken.state, taken.cost, taken.ended_at) == (JobState.SUBMITTED, None, None)
        assert retry_failed(world.catalogue, world.campaign_id)
        assert world.run().passed == 1
    assert vendor.billed == {"a red ball": 1}
    assert [(job.state, job.cost_micros) for job in world.jobs] == [(JobState.DONE, 250_000)]


def test_a_lost_job_is_not_taken_back_after_another_one_was_submitted(tmp_path):
    gone = Fault(status=404, body=b'{"error": "no such task"}')
    with VendorServer("runway", scripted(poll=[gone] * 3)) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none"))
        world.run()
        lost = world.jobs[0]
        retry_failed(world.catalogue, world.campaign_id)
        assert world.run().passed == 1
        with pytest.raises(JobStateError, match=r"the job \w+ was submitted for its clip meanwhile"):
            world.catalogue.provider_jobs.adopt(lost.job_id, lost.vendor_ref, "person:ann")
    assert vendor.billed == {"a red ball": 2}


def test_a_clip_that_a_provider_has_already_is_not_replaced_by_one_of_another_campaign(tmp_path, monkeypatch):
    offered: list[str] = []

    def no_clips(_resources, _catalogue, leases):
        offered.extend(lease.variant.prompt for lease in leases)
        return {}

    monkeypatch.setattr(lane, "reused_clips", no_clips)
    with VendorServer("runway", always(poll=Fault(word="RUNNING"))) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a",), **paid("none", deadline_s=0.2))
        world.run()
        assert [job.state for job in world.jobs] == [JobState.SUBMITTED]
        world.catalogue.campaigns.add(Campaign("Other", "cd" * 32, ()), {})
        vendor.behaviour = scripted()
        assert world.run().passed == 1
    assert offered == []


def test_a_limit_of_a_day_ends_the_run_instead_of_waiting_for_the_next_day(tmp_path):
    limits = {"concurrency": 2, "per_day": 1}
    with VendorServer("runway") as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a", "b"), **paid("none", limits_of_account=limits))
        report = world.run()
    assert (report.passed, vendor.count("submit")) == (1, 1)
    assert sorted(world.states) == [State.PASSED, State.PLANNED]
    assert report.problems == (
        "the account vendor has reached its limit of submissions (per_day: there is room in 24.0 hours). Run the same "
        "command again later",
    )


@pytest.mark.parametrize("changes", [paid("none"), {}], ids=["paid", "free"])
def test_a_paid_job_that_seems_to_be_gone_is_asked_for_during_a_minute(tmp_path, monkeypatch, changes):
    asked: list[float] = []

    def quickly(number: int, factor: float = 1.0, most_s: float = 60.0) -> float:
        asked.append(min(most_s, factor * 2**number))
        return 0.01

    monkeypatch.setattr(steps, "backoff", quickly)
    gone = Fault(status=404, body=b'{"error": "no such task"}')
    with VendorServer("openai_videos", scripted(poll=[gone] * 2)) as vendor:
        world = World(tmp_path, vendor.base_url, **changes)
        assert world.run().passed == 1
    assert vendor.count("submit") == 1
    assert sum(asked) >= 60 if changes else sum(asked) <= 10


def with_key(world, key):
    world.resources = replace(world.resources, providers=(replace(world.account, key=key),))


def test_jobs_that_a_new_key_does_not_show_are_kept_for_a_person_and_fetched_with_the_old_one(tmp_path):
    gone = Fault(status=404, body=b'{"error": "no such task"}')
    with VendorServer("runway", always(poll=Fault(word="RUNNING"))) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", prompts=("a",), **paid("none", deadline_s=0.2))
        world.run()
        with_key(world, "key-of-others")
        vendor.behaviour = always(poll=gone)
        report = world.run()
        [job] = world.jobs
        assert (job.state, job.cost_micros, world.states) == (JobState.UNCERTAIN, None, [State.PLANNED])
        assert "REELMILL_PROVIDER_VENDOR_KEY" in job.error
        assert "Set the earlier key" in report.problems[0]
        assert [alert.kind for alert in world.catalogue.alerts.all(10)] == ["provider-jobs-hidden"]
        assert "key-of-others" not in str((job, report, world.catalogue.alerts.all(10)))
        world.run()
        assert len(world.catalogue.alerts.all(10)) == 1
        with_key(world, "secret-key")
        vendor.behaviour = scripted()
        assert world.run().passed == 1
    assert vendor.billed == {"a": 1}
    assert [(job.state, job.cost_micros) for job in world.jobs] == [(JobState.DONE, 250_000)]


def test_a_new_key_of_the_same_organisation_continues_jobs(tmp_path):
    with VendorServer("runway", always(poll=Fault(word="RUNNING"))) as vendor:
        world = World(tmp_path, vendor.base_url, "runway", **paid("none", deadline_s=0.2))
        world.run()
        with_key(world, "rotated-key")
        vendor.behaviour = scripted()
        assert world.run().passed == 1
    assert vendor.count("submit") == 1


def test_a_search_with_another_key_does_not_prove_that_a_job_is_absent(tmp_path, monkeypatch):
    monkeypatch.setattr(reconcile, "MAX_LOOKS", 1)
    hidden = always(unknown=Fault(status=503), poll=unavailable(), list=unavailable())
    with VendorServer("kling") as vendor:
        vendor.behaviour = lambda operation, job: Fault("close") if operation == "submit" else hidden(operation, job)
        world = World(tmp_path, vendor.base_url, "kling", **paid("external_id"))
        world.run()
        assert [job.state for job in world.jobs] == [JobState.UNCERTAIN]
        with_key(world, "key-of-others")
        nothing = Fault(body=b'{"code": 0, "message": "SUCCEED", "data": []}')
        vendor.behaviour = always(unknown=nothing, poll=nothing, list=nothing)
        report = world.run()
        assert [job.state for job in world.jobs] == [JobState.UNCERTAIN]
        assert "Set the earlier key" in report.problems[0]
        with_key(world, "secret-key")
        vendor.behaviour = scripted()
        assert world.run().passed == 1
    assert vendor.billed == {"a red ball": 1}


def test_a_job_of_a_list_without_prompts_is_left_to_a_person_who_is_told_the_candidates(tmp_path):
    with VendorServer("dashscope", scripted(submit=[Fault("close", takes=True)])) as vendor:
        world = World(tmp_path, vendor.base_url, "dashscope", **paid("list_by_time"))
        report = world.run()
        [job], [ref] = world.jobs, vendor.jobs
        assert (job.state, vendor.count("submit"), world.states) == (JobState.UNCERTAIN, 1, [State.PLANNED])
        assert vendor.count("list") > 0
        assert f"of this model and time it has {ref}" in report.problems[0]
        world.catalogue.provider_jobs.adopt(job.job_id, ref, "person:ann")
        assert world.run().passed == 1
    assert vendor.billed == {"a red ball": 1}
