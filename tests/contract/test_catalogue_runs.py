"""Turns on shared devices: higher priority first, equal runs alternate, and no run waits for one that cannot work."""

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable

import pytest
import samples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import update

from adapters.catalogue import Catalogue, RunRow
from adapters.catalogue.core.tables import database_now, runs
from adapters.catalogue.work.runs import ALIVE_S, CLAIM_S, TURN

STEP = 4
"""Number of leases that a shard acquires at a time."""
SHARD = 32


def begin(catalogue: Catalogue, name: str, waiting: int = 0, pool: str = "pool", priority: int = 0, **options) -> str:
    """Add a campaign with a run of it in the pool; return the run's id."""
    campaign = samples.campaign(name)
    catalogue.campaigns.add(campaign, {})
    catalogue.steering.set_priority(campaign.campaign_id, priority, "test")
    run_id = catalogue.runs.begin(campaign.campaign_id, pool, f"driver of {name}", **options)
    if waiting:
        catalogue.runs.set_waiting_shards(run_id, waiting)
    return run_id


def campaign_of(catalogue: Catalogue, run_id: str) -> str:
    return catalogue.runs.get(run_id).campaign_id


def age(catalogue: Catalogue, run_id: str, column: str, seconds: float) -> None:
    """Set a timestamp of a run to so many seconds ago."""
    with catalogue.database.writing() as connection:
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(**{column: database_now() - seconds}))


def why(catalogue: Catalogue, run_id: str) -> str:
    """Return why a run may not work; empty if it may."""
    turn = catalogue.runs.turn(run_id)
    assert turn.may_work == (turn.why == "")
    return turn.why


def test_a_run_is_recorded_from_start_to_end(catalogue: Catalogue):
    run_id = begin(catalogue, "Spring", until=time.time() + 60, budget_s=90.0, detail={"runner": "threads"})
    catalogue.runs.set_waiting_shards(run_id, 3)
    catalogue.runs.shard_started(run_id)
    catalogue.runs.shard_started(run_id)
    catalogue.runs.book(run_id, 4, 2.5)
    catalogue.runs.book(run_id, 1, 0.25)
    catalogue.runs.shard_ended(run_id)
    row = catalogue.runs.get(run_id)
    assert (row.waiting, row.working, row.served, row.spent_s) == (1, 1, 5, 2.75)
    assert (row.pool, row.owner, row.detail, row.budget_s) == ("pool", "driver of Spring", {"runner": "threads"}, 90.0)
    assert row.beat_at == pytest.approx(time.time(), abs=5)
    assert [each.run_id for each in catalogue.runs.live()] == [run_id]
    assert why(catalogue, run_id) == ""
    catalogue.runs.end(run_id, "finished")
    catalogue.runs.end(run_id, "lost")
    row = catalogue.runs.get(run_id)
    assert (row.outcome, row.waiting, row.working) == ("finished", 0, 0)
    assert row.ended_at == pytest.approx(time.time(), abs=5)
    assert catalogue.runs.live() == []
    assert why(catalogue, run_id) == "ended"


def test_shard_counts_are_never_negative(catalogue: Catalogue):
    run_id = begin(catalogue, "Spring")
    catalogue.runs.shard_ended(run_id)
    catalogue.runs.shard_started(run_id)
    assert (catalogue.runs.get(run_id).waiting, catalogue.runs.get(run_id).working) == (0, 1)
    catalogue.runs.set_waiting_shards(run_id, 2)
    assert (catalogue.runs.get(run_id).waiting, catalogue.runs.get(run_id).working) == (2, 0)


def test_unknown_runs(catalogue: Catalogue):
    with pytest.raises(KeyError):
        catalogue.runs.get("no-such")
    assert why(catalogue, "no-such") == ""
    catalogue.runs.beat("no-such")
    catalogue.runs.shard_started("no-such")
    assert catalogue.runs.all() == []


def test_runs_are_listed_newest_first(catalogue: Catalogue):
    first, second = begin(catalogue, "Spring"), begin(catalogue, "Autumn")
    age(catalogue, first, "started_at", 10)
    assert [row.run_id for row in catalogue.runs.all()] == [second, first]
    assert [row.run_id for row in catalogue.runs.all(campaign_of(catalogue, first))] == [first]
    assert [row.run_id for row in catalogue.runs.all(limit=1)] == [second]


def test_a_run_stops_at_the_end_of_its_window_and_budget(catalogue: Catalogue):
    window = begin(catalogue, "Window", until=time.time() - 1)
    open_window = begin(catalogue, "Open", until=time.time() + 60)
    budget = begin(catalogue, "Budget", budget_s=10.0)
    assert [why(catalogue, run_id) for run_id in (window, open_window, budget)] == ["window", "", ""]
    catalogue.runs.book(budget, 1, 10.0)
    assert why(catalogue, budget) == "budget"


@pytest.mark.parametrize("standing", ["paused", "cancelled"])
def test_a_run_stops_when_its_campaign_is_paused_or_cancelled(catalogue: Catalogue, standing: str):
    run_id = begin(catalogue, "Spring", 3)
    catalogue.steering.steer(campaign_of(catalogue, run_id), standing, "person:ann")
    assert why(catalogue, run_id) == standing
    catalogue.steering.steer(campaign_of(catalogue, run_id), "active", "person:ann")
    assert why(catalogue, run_id) == ""


def test_a_higher_priority_run_goes_first_while_it_waits(catalogue: Catalogue):
    low, high = begin(catalogue, "Low", 2), begin(catalogue, "High", 2, priority=5)
    assert (why(catalogue, low), why(catalogue, high)) == ("others", "")
    catalogue.runs.book(high, 1000, 0.0)
    assert (why(catalogue, low), why(catalogue, high)) == ("others", "")
    catalogue.runs.shard_started(high)
    catalogue.runs.shard_started(high)
    assert why(catalogue, low) == "", "the high-priority run has all the devices that it can use"
    catalogue.runs.set_waiting_shards(high, 1)
    catalogue.steering.set_priority(campaign_of(catalogue, low), 6, "person:ann")
    assert (why(catalogue, low), why(catalogue, high)) == ("", "others")


def test_runs_of_equal_priority_take_turns(catalogue: Catalogue):
    first, second = begin(catalogue, "First", 2), begin(catalogue, "Second", 2)
    catalogue.runs.book(first, TURN - 1, 0.0)
    assert why(catalogue, first) == ""
    catalogue.runs.book(first, 1, 0.0)
    assert (why(catalogue, first), why(catalogue, second)) == ("others", "")
    for run_id in (first, second):
        catalogue.runs.shard_started(run_id)
    assert why(catalogue, first) == "", "with two devices each run may be one turn ahead"
    catalogue.runs.book(first, TURN, 0.0)
    assert why(catalogue, first) == "others"
    catalogue.runs.book(second, 1, 0.0)
    assert why(catalogue, first) == ""


def block(catalogue: Catalogue, blocker: str) -> str:
    """Start a run that has to wait for the higher-priority ``blocker``."""
    catalogue.runs.set_waiting_shards(blocker, 2)
    mine = begin(catalogue, "Mine", 2)
    assert why(catalogue, mine) == "others"
    return mine


@pytest.mark.parametrize(
    "trouble", ["silent", "unserved", "paused", "cancelled", "ended", "window", "budget", "nothing waits"]
)
def test_no_run_waits_for_one_that_cannot_continue(catalogue: Catalogue, trouble: str):
    other = begin(catalogue, "Other", priority=5, budget_s=5.0, until=time.time() + 600)
    mine = block(catalogue, other)
    if trouble == "silent":
        age(catalogue, other, "beat_at", ALIVE_S + 1)
    elif trouble == "unserved":
        age(catalogue, other, "claimed_at", CLAIM_S + 1)
    elif trouble in ("paused", "cancelled"):
        catalogue.steering.steer(campaign_of(catalogue, other), trouble, "person:ann")
    elif trouble == "ended":
        catalogue.runs.end(other, "finished")
    elif trouble == "window":
        age(catalogue, other, "until", 1)
    elif trouble == "budget":
        catalogue.runs.book(other, 1, 6.0)
    else:
        catalogue.runs.set_waiting_shards(other, 0)
    assert why(catalogue, mine) == ""
    silent = [row.run_id for row in catalogue.runs.silent()]
    assert silent == ([other] if trouble == "silent" else [])
    assert (other in {row.run_id for row in catalogue.runs.live()}) == (trouble not in ("silent", "ended"))


def test_a_silent_run_regains_its_claim_with_a_heartbeat(catalogue: Catalogue):
    other = begin(catalogue, "Other", priority=5)
    mine = block(catalogue, other)
    age(catalogue, other, "beat_at", ALIVE_S + 1)
    assert why(catalogue, mine) == ""
    catalogue.runs.beat(other)
    assert why(catalogue, mine) == "others"


def test_other_pools_and_other_runs_of_the_same_campaign_do_not_matter(catalogue: Catalogue):
    mine = begin(catalogue, "Mine", 2)
    begin(catalogue, "Elsewhere", 2, pool="another machine", priority=50)
    second = catalogue.runs.begin(campaign_of(catalogue, mine), "pool", "second driver")
    catalogue.runs.set_waiting_shards(second, 2)
    catalogue.runs.book(mine, 10 * TURN, 0.0)
    assert (why(catalogue, mine), why(catalogue, second)) == ("", "")


def test_a_later_run_is_not_compensated_for_earlier_work(catalogue: Catalogue):
    old = begin(catalogue, "Old", 2)
    catalogue.runs.book(old, 500, 0.0)
    new = begin(catalogue, "New", 2)
    assert (why(catalogue, old), why(catalogue, new)) == ("", "")
    catalogue.runs.book(new, TURN, 0.0)
    assert why(catalogue, new) == "others"
    assert catalogue.runs.get(new).served == TURN, "the reported number is what the run really got"


def test_a_run_that_only_delivers_does_not_affect_new_runs(catalogue: Catalogue):
    delivering = begin(catalogue, "Delivering", 1)
    catalogue.runs.set_waiting_shards(delivering, 0)
    old = begin(catalogue, "Old", 2)
    catalogue.runs.book(old, 500, 0.0)
    new = begin(catalogue, "New", 2)
    assert why(catalogue, old) == ""
    catalogue.runs.set_waiting_shards(delivering, 3)
    assert why(catalogue, old) == "", "nor is it compensated for work it did not request"
    assert why(catalogue, new) == ""


def test_a_returning_or_promoted_run_is_not_compensated(catalogue: Catalogue):
    busy, lapsed, low = begin(catalogue, "Busy", 2), begin(catalogue, "Lapsed", 2), begin(catalogue, "Low", 2)
    catalogue.steering.set_priority(campaign_of(catalogue, low), -5, "person:ann")
    age(catalogue, lapsed, "claimed_at", CLAIM_S + 1)
    catalogue.runs.book(busy, 500, 0.0)
    assert why(catalogue, busy) == ""
    catalogue.runs.shard_started(lapsed)
    assert why(catalogue, busy) == ""
    catalogue.steering.set_priority(campaign_of(catalogue, low), 0, "person:ann")
    assert [why(catalogue, run_id) for run_id in (busy, low, lapsed)] == ["", "", ""]
    assert [catalogue.runs.get(run_id).served for run_id in (busy, low, lapsed)] == [500, 0, 0]


class Cluster:
    """Devices and a first-in, first-out queue of shards, like a cluster, with rounds like those of a driver."""

    def __init__(self, catalogue: Catalogue, devices: int) -> None:
        self.catalogue = catalogue
        self.at_work: list[tuple[str, int] | None] = [None] * devices
        self.queue: deque[tuple[str, int]] = deque()
        self.returned: dict[str, list[int]] = {}
        self.given: Counter[str] = Counter()
        self.order: list[str] = []

    def submit(self, run_id: str, shards: Iterable[int]) -> None:
        """Submit a round of shards."""
        left = list(shards)
        self.returned[run_id] = []
        self.catalogue.runs.set_waiting_shards(run_id, len(left))
        self.queue.extend((run_id, jobs) for jobs in left)

    def tick(self) -> None:
        """Run one step on every device."""
        for number in range(len(self.at_work)):
            self._step(number)
        for run_id, left in list(self.returned.items()):
            pending = any(each and each[0] == run_id for each in [*self.queue, *self.at_work])
            if left and not pending:
                self.submit(run_id, left)

    def _step(self, number: int) -> None:
        for _ in range(len(self.queue) + 1):
            if self.at_work[number] is None:
                if not self.queue:
                    return
                self.at_work[number] = self.queue.popleft()
                self.catalogue.runs.shard_started(self.at_work[number][0])
            run_id, jobs = self.at_work[number]
            if self.catalogue.runs.turn(run_id).may_work:
                self.catalogue.runs.book(run_id, STEP, 1.0)
                self.given[run_id] += STEP
                self.order.append(run_id)
                jobs -= STEP
                self.at_work[number] = (run_id, jobs)
                if jobs <= 0:
                    self._leave(number)
                return
            self.returned[run_id].append(jobs)
            self._leave(number)

    def _leave(self, number: int) -> None:
        self.catalogue.runs.shard_ended(self.at_work[number][0])
        self.at_work[number] = None


def jain(shares: Iterable[float]) -> float:
    """Return Jain's index: 1 if all shares are equal, 1/n if one has everything."""
    values = list(shares)
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


@pytest.mark.parametrize(("campaigns", "devices"), [(2, 1), (2, 4), (3, 2)])
def test_equal_campaigns_get_equal_shares(catalogue: Catalogue, campaigns: int, devices: int):
    cluster = Cluster(catalogue, devices)
    ids = [begin(catalogue, f"Campaign {number}") for number in range(campaigns)]
    for run_id in ids:
        cluster.submit(run_id, [SHARD] * 8)
    worst = 0
    while min(cluster.given[run_id] for run_id in ids) < 3 * SHARD:
        cluster.tick()
        worst = max(worst, max(cluster.given[run_id] for run_id in ids) - min(cluster.given[run_id] for run_id in ids))
    assert worst <= (TURN + STEP) * max(devices, 2)
    assert jain(cluster.given.values()) > 0.97


def test_a_small_campaign_does_not_wait_for_a_large_one(catalogue: Catalogue):
    cluster = Cluster(catalogue, 2)
    large = begin(catalogue, "Large")
    cluster.submit(large, [SHARD] * 20)
    for _ in range(10):
        cluster.tick()
    small = begin(catalogue, "Small")
    cluster.submit(small, [STEP])
    before = cluster.given[large]
    while cluster.given[small] < STEP:
        cluster.tick()
    assert cluster.given[large] - before <= 2 * (TURN + STEP)


def test_an_urgent_campaign_gets_the_devices_after_the_current_steps(catalogue: Catalogue):
    cluster = Cluster(catalogue, 2)
    others = [begin(catalogue, name) for name in ("First", "Second")]
    for run_id in others:
        cluster.submit(run_id, [SHARD] * 8)
    for _ in range(6):
        cluster.tick()
    urgent = begin(catalogue, "Urgent", priority=10)
    seen = len(cluster.order)
    cluster.submit(urgent, [SHARD] * 3)
    while cluster.given[urgent] < 3 * SHARD:
        cluster.tick()
    order = cluster.order[seen:]
    assert set(order[: 2 * SHARD // STEP]) == {urgent}, "only steps that had already started may end first"
    tail = order[order.index(urgent) :]
    assert tail.count(urgent) == 3 * SHARD // STEP
    assert set(others) & set(tail), "its last shard leaves one device to the others"
    assert tail.index(next(each for each in tail if each in others)) >= 2 * SHARD // STEP - 1


def test_threads_of_three_campaigns_lease_in_turn(catalogue: Catalogue):
    """Real threads acquire real leases: when the first campaign is done, the others are at most a turn behind."""
    work: dict[str, list[str]] = {}
    for number in range(3):
        run_id = begin(catalogue, f"Campaign {number}")
        items = samples.planned(64, start=1000 * number)
        catalogue.campaigns.add_variants(campaign_of(catalogue, run_id), items)
        work[run_id] = [item.variant_id for item in items]
        catalogue.runs.set_waiting_shards(run_id, 4)
        catalogue.runs.shard_started(run_id)
    given: Counter[str] = Counter()
    first_done: list[Counter[str]] = []
    errors: list[BaseException] = []
    lock, start = threading.Lock(), threading.Barrier(3)

    def drive(run_id: str) -> None:
        campaign_id, ids = campaign_of(catalogue, run_id), work[run_id]
        start.wait(20)
        while ids:
            if not catalogue.runs.turn(run_id).may_work:
                time.sleep(0.002)
                continue
            leases = catalogue.leases.acquire(ids[:STEP], run_id, samples.LONG, attempts_cap=5, campaign_id=campaign_id)
            del ids[:STEP]
            catalogue.runs.book(run_id, len(leases), 1.0)
            with lock:
                given[run_id] += len(leases)
        with lock:
            first_done.append(given.copy())
        catalogue.runs.end(run_id, "finished")

    def watched(run_id: str) -> None:
        try:
            drive(run_id)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=watched, args=(run_id,)) for run_id in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert set(given.values()) == {64}
    assert min(first_done[0].values()) >= 64 - 2 * (TURN + STEP)


NAMES = ("a", "b", "c")
numbers = itertools.count()
FIELDS = st.sampled_from(NAMES)


class Turns(RuleBasedStateMachine):
    """Drivers and people act in any order."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.pool = f"pool {next(numbers)}"
        self.ids = {name: begin(catalogue, f"{name} {self.pool}", pool=self.pool) for name in NAMES}
        self.given = dict.fromkeys(NAMES, 0)

    @rule(name=FIELDS, number=st.integers(0, 3))
    def wait(self, name, number):
        self.catalogue.runs.set_waiting_shards(self.ids[name], number)

    @precondition(lambda self: any(row.waiting for row in self.rows().values()))
    @rule(name=FIELDS)
    def begin(self, name):
        self.catalogue.runs.shard_started(self.ids[name])

    @rule(name=FIELDS)
    def end(self, name):
        self.catalogue.runs.shard_ended(self.ids[name])

    @rule(name=FIELDS, leases=st.sampled_from([1, STEP, 3 * TURN]))
    def serve(self, name, leases):
        if self.catalogue.runs.turn(self.ids[name]).may_work:
            self.catalogue.runs.book(self.ids[name], leases, 0.0)
            self.given[name] += leases

    @rule(name=FIELDS, priority=st.sampled_from([-1, 0, 1]))
    def rank(self, name, priority):
        self.catalogue.steering.set_priority(campaign_of(self.catalogue, self.ids[name]), priority, "test")

    @rule(name=FIELDS, standing=st.sampled_from(["active", "paused", "cancelled"]))
    def steer(self, name, standing):
        self.catalogue.steering.steer(campaign_of(self.catalogue, self.ids[name]), standing, "test")

    @rule(name=FIELDS, column=st.sampled_from(["beat_at", "claimed_at"]))
    def fall_silent(self, name, column):
        age(self.catalogue, self.ids[name], column, CLAIM_S + 1)

    @rule(name=FIELDS)
    def beat(self, name):
        self.catalogue.runs.beat(self.ids[name])

    def rows(self) -> dict[str, RunRow]:
        return {name: self.catalogue.runs.get(run_id) for name, run_id in self.ids.items()}

    @invariant()
    def served_numbers_are_exact(self):
        assert {name: row.served for name, row in self.rows().items()} == self.given

    @invariant()
    def one_waiting_run_may_always_work(self):
        live = {row.run_id for row in self.catalogue.runs.live()}
        active = [
            run_id
            for name, run_id in self.ids.items()
            if run_id in live
            and self.catalogue.campaigns.get(campaign_of(self.catalogue, run_id)).standing == "active"
            and self.rows()[name].waiting
        ]
        assert not active or any(self.catalogue.runs.turn(run_id).may_work for run_id in active)

    @invariant()
    def a_stopped_run_gets_the_status_as_reason(self):
        for run_id in self.ids.values():
            standing = self.catalogue.steering.standing(campaign_of(self.catalogue, run_id))
            assert standing == "active" or why(self.catalogue, run_id) == standing


def test_no_order_of_events_stops_all_runs(catalogue: Catalogue):
    run_state_machine_as_test(
        lambda: Turns(catalogue),
        settings=settings(
            max_examples=6, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
