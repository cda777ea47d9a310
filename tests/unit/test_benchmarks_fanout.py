"""Calculations of the fanout benchmark; a simulated worker leaves the same state as a real one."""

import time
from collections import Counter
from contextlib import nullcontext

import pytest

from adapters.catalogue import open_catalogue
from benchmarks import __main__ as program
from benchmarks.fanout import balance, scaling
from benchmarks.fanout.crowd import Crew, Crowd, Order, Report
from benchmarks.fanout.devices import CLIP_S, CLIPS, Fan, fan_of
from benchmarks.fanout.plan import WORKERS, Plan, Stretch, names
from benchmarks.fanout.rows import fill
from benchmarks.fanout.watch import Seen
from benchmarks.fanout.worker import SHARD, Backlog, Notes, Slice, Worker
from benchmarks.harness import stubs
from benchmarks.harness.result import Result
from manifests.variant import Variant
from tasks.render.render import ShardReport
from tasks.runtime.lease_owner import is_dead


@pytest.fixture
def crowd_url(postgres_url):
    """A database with two campaigns, of 40 and of 64 variants."""
    fill(postgres_url, (40, 64))
    return postgres_url


def slices_of(catalogue):
    sizes = {row.campaign_id: catalogue.progress.tally(row.campaign_id)["planned"] for row in catalogue.campaigns.all()}
    return tuple(Slice(name, catalogue.runs.begin(name, "pool", "driver"), 0, size) for name, size in sizes.items())


def test_a_simulated_worker_leaves_all_variants_rendered_and_passed(crowd_url):
    with open_catalogue(crowd_url) as catalogue:
        slices, notes = slices_of(catalogue), Notes()
        assert sum(Worker("me", catalogue, Backlog(slices), notes, 0.0, True).renders()) == 0
        assert sum((Counter(catalogue.progress.tally(one.campaign_id)) for one in slices), Counter()) == {"passed": 104}
        assert {event.to_state for event in catalogue.variants.events(slices[0].campaign_id)} == {
            "planned",
            "leased",
            "rendered",
            "passed",
        }
        assert {run.campaign_id: (run.served, run.working) for run in catalogue.runs.all()} == {
            one.campaign_id: (one.stop, 0) for one in slices
        }
    assert (notes.counts["leased"], notes.counts["lost"], notes.counts["not_leased"]) == (104, 0, 0)
    assert {name: len(taken) for name, taken in notes.seconds.items()} == {
        "lease": 104,
        "record": 104,
        "book_run": 104,
        "turn": 104,
        "shard_begins": 4,
        "shard_ends": 4,
        "tries": 4,
    }


def test_a_worker_that_starts_within_a_shard_holds_leases_and_renews_them(crowd_url):
    with open_catalogue(crowd_url) as catalogue:
        worker = Worker("me", catalogue, Backlog(slices_of(catalogue)), Notes(), 30.0, False)
        assert 0 <= next(worker.renders()) <= 30
        held = sum(
            row.lease_owner == "me"
            for campaign in catalogue.campaigns.all()
            for row in catalogue.variants.of_campaign(campaign.campaign_id)
        )
        assert held == 1
        beats = worker.beats()
        assert 0 <= next(beats) <= 20
        assert next(beats) == 20
        assert worker._notes.counts["renewed"] == held


def test_a_crew_runs_steps_when_they_are_due_and_ends_in_time(crowd_url):
    with open_catalogue(crowd_url) as catalogue:
        order = Order(crowd_url, ("a", "b"), 2, 0.6, 0.1, slices_of(catalogue), True)
        crew = Crew(order, catalogue)
        crew.warm_up()
        began = time.monotonic()
        crowd = Crowd((crew.work(),), 0.6)
    assert time.monotonic() - began < 10
    assert 2 <= crowd.calls("record") <= 12, "two workers, a clip in 0.1 s each"
    assert crowd.late_ms(100) >= crowd.late_ms(50) >= 0


def test_a_failure_of_a_simulated_worker_is_raised(crowd_url):
    def breaks(*_):
        raise ValueError("no")

    with open_catalogue(crowd_url) as catalogue:
        crew = Crew(Order(crowd_url, (), 2, 5.0, act=breaks), catalogue)
        with pytest.raises(ValueError, match="no"):
            crew.work()


def test_a_run_that_must_wait_gets_its_shard_back():
    backlog = Backlog((Slice("a", "run a", 0, SHARD), Slice("b", "run b", 0, SHARD)))
    first = backlog.take("b")
    assert first is not None
    assert first.campaign_id == "a"
    backlog.give_back(first._replace(variant_ids=first.variant_ids[8:]))
    rest = {piece.campaign_id: len(piece.variant_ids) for piece in (backlog.take("a"), backlog.take("a")) if piece}
    assert rest == {"a": SHARD - 8, "b": SHARD}
    assert backlog.take() is None


def test_simulated_owners_never_count_as_dead():
    everyone = [name for process in range(4) for name in names(process)]
    assert len(set(everyone)) == WORKERS
    assert not any(map(is_dead, everyone))


def test_efficiency_and_busy_share():
    one, four = Fan(1, CLIPS * CLIP_S), Fan(4, CLIPS * CLIP_S / 4 / 0.9)
    assert one.busy == pytest.approx(1)
    assert four.busy == four.efficiency(one) == pytest.approx(0.9)


def test_a_missing_clip_or_worker_raises():
    done = [ShardReport(CLIPS // 2, 0, 0, 1.0, worker=name) for name in "ab"]
    assert fan_of(2, 9.0, done).seconds == 9
    with pytest.raises(RuntimeError, match="got 16 clips from 1"):
        fan_of(2, 9.0, done[:1])
    with pytest.raises(RuntimeError, match="clips from 2"):
        fan_of(3, 9.0, done)


@pytest.mark.parametrize(("seconds", "met"), [(8.3, True), (8.6, False)])
def test_less_than_95_percent_of_linear_misses_the_limit(seconds, met):
    result = scaling.linear("fanout", [Fan(1, 32.0), Fan(2, 16.0), Fan(4, seconds)], "processes")
    assert result.met is met
    assert result.ratio == pytest.approx(8 / seconds)


def stretch_of(clips, seconds=10.0, lost=0):
    notes = Notes()
    notes.seconds["record"] = [0.01] * clips
    notes.counts.update(leased=clips, lost=lost)
    return Stretch(Crowd((Report(notes, 1.0, [0.0]),), seconds), Seen(seconds, 1e6 * clips, cpu_s=clips / 100))


@pytest.mark.parametrize(("paced", "lost", "met"), [(334, 0, True), (300, 0, False), (334, 1, False)])
def test_the_plan_reports_rate_and_limits(paced, lost, met):
    full = {4: stretch_of(900), 16: stretch_of(1500)}
    plan = Plan(stretch_of(0), stretch_of(paced, lost=lost), full, 90.0, 300.0, 1.0)
    result = scaling.planned(plan)
    assert (result.ours, result.met) == (150, met)
    assert result.figures["database_ms_a_clip"] == pytest.approx(10)
    assert "one core handles 100 clips a second" in result.notes[-1]
    assert Result.from_json(result.to_json()) == result


def test_fanout_plan_runs_the_simulation_only(monkeypatch):
    simulated = Plan(stretch_of(0), stretch_of(334), {4: stretch_of(900)}, 90.0, 300.0, 1.0)
    monkeypatch.setattr(scaling, "find_binaries", lambda: "bin")
    monkeypatch.setattr(scaling, "running", lambda *_: nullcontext("server"))
    monkeypatch.setattr(scaling, "_database", lambda server, name: nullcontext())
    monkeypatch.setattr(scaling, "simulate", lambda server, name: simulated)
    monkeypatch.setattr(scaling, "devices", None)
    assert list(program._run(["fanout-plan"])) == [scaling.planned(simulated)]


def test_fanout_plan_is_not_measured_twice_by_default():
    assert "fanout-plan" in program.NAMES
    assert "fanout-plan" not in program.BENCHMARKS


@pytest.mark.parametrize("name", ["fanout", "fanout-plan"])
def test_without_postgresql_nothing_is_measured(monkeypatch, name):
    monkeypatch.setattr(scaling, "find_binaries", lambda: None)
    [result] = program._run([name])
    assert (result.name, result.not_measured) == (name, scaling.NO_POSTGRES)


def test_the_sleeping_device_sleeps_for_each_clip():
    variant = Variant("starter", "1", "a red ball", "", 7, 32, 32, 9, 8, 4, 1.0)
    began = time.monotonic()
    made = list(stubs.Sleeper(0.1).generate([variant, variant]))
    assert time.monotonic() - began >= 0.2
    assert [one.variant for one in made] == [variant, variant]
    assert all(one.frames.shape == (9, 32, 32, 3) and one.device_seconds >= 0.1 for one in made)


def timed(ends_by_device, seconds):
    clips = tuple((name, end - 1.0, end) for name, ends in ends_by_device.items() for end in ends)
    return balance.Timed(seconds, clips)


def test_the_ideal_is_the_best_schedule_of_whole_clips():
    assert balance.ideal_s(balance.EQUAL) == balance.CLIPS / 4 * balance.CLIP_S
    assert balance.ideal_s(balance.UNEQUAL) == 8 * balance.CLIP_S, "3 x 8 clips, or two by the slow device"
    assert balance.ideal_s((1.0, 1.0), 3) == 2 * balance.CLIP_S


@pytest.mark.parametrize(("seconds", "late_s", "met"), [(12.5, 1.9, True), (12.7, 1.9, False), (12.5, 2.1, False)])
def test_devices_that_do_not_share_miss_the_limits_of_balance(seconds, late_s, met):
    result = balance.linear(timed({"a": [1.0]}, 48.0), timed({"a": [1.0, 3.0], "b": [1.0, 3.0 + late_s]}, seconds))
    assert result.met is met
    assert result.figures["spread_s"] == pytest.approx(late_s)


def test_a_slow_device_that_holds_the_others_up_misses_the_limit():
    clips = {"stub:0": [1.0, 17.0], "stub:3": [8.0, 16.0]}
    assert balance.balanced(timed(clips, 16.5)).met
    assert not balance.balanced(timed(clips, 24.0)).met
    assert balance.balanced(timed(clips, 16.5)).figures["clips_of_the_slow_device"] == 2
