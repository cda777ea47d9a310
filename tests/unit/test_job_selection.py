import queue
import threading
import time

from engine_variants import variant

from adapters.catalogue.work.leases import InFlight
from manifests.goals.goal import combination_goal
from tasks.plan.shard import Job, Shard
from tasks.render import job_selection
from tasks.render.job_selection import JobSelection
from tasks.render.outcomes import NotLeased

LONG_S = 60


class Tallies:
    """A fake catalogue that only counts passed clips, and lists those in flight."""

    def __init__(self) -> None:
        self.passed: dict[str, int] = {}
        self.leased: list[InFlight] = []
        self.progress = self
        self.leases = self

    def in_flight(self, _campaign_id, brief_ids):
        return [each for each in self.leased if each.brief_id in brief_ids]

    def tally_by_brief(self, _campaign_id, _brief_ids):
        return {brief_id: {"passed": number} for brief_id, number in self.passed.items()}


def jobs_of(brief_id: str, number: int) -> list[Job]:
    made = [variant(revision="1", prompt=brief_id, seed=seed) for seed in range(number)]
    return [Job(each, each.variant_id, (brief_id,), 0.5) for each in made]


def selection_for(jobs, suspects=(), paid=(), **wants):
    tallies = Tallies()
    shard = Shard("c", tuple(jobs), wants, (), 0.25)
    selection = JobSelection(tallies, shard, queue.SimpleQueue(), suspects, paid)  # type: ignore[arg-type]
    return selection, tallies


def end(selection: JobSelection, job: Job) -> None:
    """Pass a job on as ended, as the writer does."""
    selection._ended.put(NotLeased(job))


def test_no_brief_has_more_jobs_in_flight_than_it_lacks_and_other_briefs_fill_the_batch():
    selection, _ = selection_for([*jobs_of("wanted", 6), *jobs_of("all", 3)], wanted=2)
    now = selection.choose(4)
    assert [job.brief_ids[0] for job in now] == ["wanted", "wanted", "all", "all"]
    assert [job.brief_ids[0] for job in selection.choose(4)] == ["all"]
    assert selection.choose(4) == []


def test_a_paid_job_is_chosen_although_its_brief_has_enough_clips():
    jobs = jobs_of("wanted", 3)
    selection, tallies = selection_for(jobs, paid=[jobs[0].variant_id], wanted=1)
    tallies.passed["wanted"] = 1
    assert selection.choose(4) == [jobs[0]]
    assert selection.not_needed == 2


def test_after_a_failure_the_next_seed_is_chosen_and_a_pass_ends_the_brief():
    selection, tallies = selection_for(jobs_of("wanted", 5), wanted=1)
    [first] = selection.choose(4)
    end(selection, first)  # it failed: the tally stays
    [second] = selection.choose(4)
    assert second.variant.seed == 1
    tallies.passed["wanted"] = 1
    end(selection, second)
    assert selection.choose(4) == []
    assert selection.not_needed == 3
    assert not selection.wait()


def test_wait_returns_when_a_verdict_arrives(monkeypatch):
    monkeypatch.setattr(job_selection, "WAKE_S", LONG_S)
    selection, _ = selection_for(jobs_of("wanted", 2), wanted=1)
    [job] = selection.choose(4)
    assert selection.choose(4) == []
    threading.Timer(0.1, end, [selection, job]).start()
    started = time.monotonic()
    assert selection.wait()
    assert time.monotonic() - started < LONG_S


def test_wait_notices_a_verdict_that_arrived_before_it(monkeypatch):
    monkeypatch.setattr(job_selection, "WAKE_S", LONG_S)
    selection, _ = selection_for([*jobs_of("one", 2), *jobs_of("two", 2)], one=1, two=1)
    first, _ = selection.choose(4)
    assert selection.choose(4) == []
    end(selection, first)  # the other is still in flight
    started = time.monotonic()
    assert selection.wait()
    assert time.monotonic() - started < LONG_S


def test_wait_returns_false_when_all_jobs_are_done():
    selection, _ = selection_for(jobs_of("all", 2))
    for job in selection.choose(4):
        end(selection, job)
    assert not selection.wait()


def test_a_combination_that_has_its_clips_does_not_end_the_others():
    made = [variant(revision="1", prompt=colour, seed=seed) for seed in range(3) for colour in ("red", "blue")]
    goals = {colour: combination_goal("ball", [("colour", colour)]) for colour in ("red", "blue")}
    jobs = [Job(each, each.variant_id, ("ball",), 0.5, (goals[each.prompt],)) for each in made]
    good: dict[str, int] = {}

    class Combinations:
        def tally_by_combination(self, _campaign_id, brief_ids):
            assert brief_ids == {"ball"}
            return {("ball", (("colour", colour),)): {"passed": number} for colour, number in good.items()}

    catalogue = type("Catalogue", (), {"progress": Combinations(), "leases": Tallies()})()
    wants = dict.fromkeys(goals.values(), 1)
    selection = JobSelection(catalogue, Shard("c", tuple(jobs), wants, (), 0.25), queue.SimpleQueue())
    first = selection.choose(4)
    assert [job.variant.prompt for job in first] == ["red", "blue"]
    good["red"] = 1
    for job in first:
        end(selection, job)
    assert [job.variant.prompt for job in selection.choose(4)] == ["blue"]
    assert selection.not_needed == 2


def test_clips_in_flight_on_other_devices_count_against_what_a_brief_wants():
    jobs = jobs_of("wanted", 6)
    selection, tallies = selection_for(jobs, wanted=3)
    tallies.leased = [InFlight(jobs[0].variant_id, "wanted", ()), InFlight("f" * 32, "wanted", (("colour", "red"),))]
    assert [job.variant.seed for job in selection.choose()] == [1], "seed 0 and one of another shard are in flight"
    assert selection.choose() == []
    tallies.leased = []
    assert [job.variant.seed for job in selection.choose()] == [2, 3], "the others failed"


def test_a_device_waits_for_the_verdicts_of_others(monkeypatch):
    monkeypatch.setattr(job_selection, "LOOK_S", 0.01)
    jobs = jobs_of("wanted", 3)
    selection, tallies = selection_for(jobs, wanted=1)
    tallies.leased = [InFlight(jobs[0].variant_id, "wanted", ())]
    assert selection.choose() == []
    assert selection.wait(), "the clip of the other device may fail"
    tallies.leased, tallies.passed = [], {"wanted": 1}
    assert selection.choose() == []
    assert not selection.wait()


def test_own_clips_in_flight_are_not_counted_twice():
    selection, tallies = selection_for(jobs_of("wanted", 6), wanted=3)
    first = selection.choose(1)
    tallies.leased = [InFlight(job.variant_id, "wanted", ()) for job in first]
    assert len(selection.choose()) == 2


def test_jobs_that_were_not_leased_wait_again_in_their_order_unless_others_have_them():
    jobs = jobs_of("all", 6)
    selection, _ = selection_for(jobs)
    chosen = selection.choose(5)
    selection.settle(chosen, {jobs[1].variant_id, jobs[2].variant_id})
    assert selection.choose() == jobs[3:], "others have the first job"
    selection.settle(jobs[3:], ())
    assert selection.choose() == [], "others have all of them"
    for job in jobs[1:3]:
        end(selection, job)
    assert not selection.wait()


def test_suspects_are_chosen_last_and_alone():
    jobs = jobs_of("all", 4)
    suspects = {job.variant_id for job in jobs[2:]}
    selection, _ = selection_for(jobs, suspects)
    assert selection.choose() == jobs[:2]
    assert selection.choose() == jobs[2:3]
    assert selection.choose() == jobs[3:]
