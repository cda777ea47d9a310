"""Whose turn it is on shared devices: priority first, equals in turn, and nobody waits for a run that cannot go on."""

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
"""Leases that a shard takes at a time."""
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
    """Let something have happened so long ago."""
    with catalogue.database.writing() as connection:
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(**{column: database_now() - seconds}))


def why(catalogue: Catalogue, run_id: str) -> str:
    """Return why a run may not work; empty where it may."""
    turn = catalogue.runs.turn(run_id)
    assert turn.may_work == (turn.why == "")
    return turn.why


def test_a_run_is_told_from_its_beginning_to_its_end(catalogue: Catalogue):
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


def test_numbers_of_shards_never_fall_below_nought(catalogue: Catalogue):
    run_id = begin(catalogue, "Spring")
    catalogue.runs.shard_ended(run_id)
    catalogue.runs.shard_started(run_id)
    assert (catalogue.runs.get(run_id).waiting, catalogue.runs.get(run_id).working) == (0, 1)
    catalogue.runs.set_waiting_shards(run_id, 2)
    assert (catalogue.runs.get(run_id).waiting, catalogue.runs.get(run_id).working) == (2, 0)


def test_what_nobody_knows(catalogue: Catalogue):
    with pytest.raises(KeyError):
        catalogue.runs.get("no-such")
    assert why(catalogue, "no-such") == ""
    catalogue.runs.beat("no-such")
    catalogue.runs.shard_started("no-such")
    assert catalogue.runs.all() == []


def test_runs_are_listed_the_newest_first(catalogue: Catalogue):
    first, second = begin(catalogue, "Spring"), begin(catalogue, "Autumn")
    age(catalogue, first, "started_at", 10)
    assert [row.run_id for row in catalogue.runs.all()] == [second, first]
    assert [row.run_id for row in catalogue.runs.all(campaign_of(catalogue, first))] == [first]
    assert [row.run_id for row in catalogue.runs.all(limit=1)] == [second]


def test_a_run_stops_at_its_window_and_at_its_budget(catalogue: Catalogue):
    window = begin(catalogue, "Window", until=time.time() - 1)
    open_window = begin(catalogue, "Open", until=time.time() + 60)
    budget = begin(catalogue, "Budget", budget_s=10.0)
    assert [why(catalogue, run_id) for run_id in (window, open_window, budget)] == ["window", "", ""]
    catalogue.runs.book(budget, 1, 10.0)
    assert why(catalogue, budget) == "budget"


@pytest.mark.parametrize("standing", ["paused", "cancelled"])
def test_a_run_stops_at_a_persons_word(catalogue: Catalogue, standing: str):
    run_id = begin(catalogue, "Spring", 3)
    catalogue.steering.steer(campaign_of(catalogue, run_id), standing, "person:ann")
    assert why(catalogue, run_id) == standing
    catalogue.steering.steer(campaign_of(catalogue, run_id), "active", "person:ann")
    assert why(catalogue, run_id) == ""


def test_the_higher_priority_goes_first_while_it_waits(catalogue: Catalogue):
    low, high = begin(catalogue, "Low", 2), begin(catalogue, "High", 2, priority=5)
    assert (why(catalogue, low), why(catalogue, high)) == ("others", "")
    catalogue.runs.book(high, 1000, 0.0)
    assert (why(catalogue, low), why(catalogue, high)) == ("others", "")
    catalogue.runs.shard_started(high)
    catalogue.runs.shard_started(high)
    assert why(catalogue, low) == "", "the high one has all that it can use"
    catalogue.runs.set_waiting_shards(high, 1)
    catalogue.steering.set_priority(campaign_of(catalogue, low), 6, "person:ann")
    assert (why(catalogue, low), why(catalogue, high)) == ("", "others")


def test_equals_take_turns(catalogue: Catalogue):
    first, second = begin(catalogue, "First", 2), begin(catalogue, "Second", 2)
    catalogue.runs.book(first, TURN - 1, 0.0)
    assert why(catalogue, first) == ""
    catalogue.runs.book(first, 1, 0.0)
    assert (why(catalogue, first), why(catalogue, second)) == ("others", "")
    for run_id in (first, second):
        catalogue.runs.shard_started(run_id)
    assert why(catalogue, first) == "", "of two devices each may be a turn ahead"
    catalogue.runs.book(first, TURN, 0.0)
    assert why(catalogue, first) == "others"
    catalogue.runs.book(second, 1, 0.0)
    assert why(catalogue, first) == ""


def block(catalogue: Catalogue, blocker: str) -> str:
    """Start a run that the other one, of higher priority, keeps from working."""
    catalogue.runs.set_waiting_shards(blocker, 2)
    mine = begin(catalogue, "Mine", 2)
    assert why(catalogue, mine) == "others"
    return mine


@pytest.mark.parametrize(
    "trouble", ["silent", "unserved", "paused", "cancelled", "ended", "window", "budget", "nothing waits"]
)
def test_nobody_waits_for_a_run_that_cannot_go_on(catalogue: Catalogue, trouble: str):
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


def test_a_silent_run_that_speaks_again_has_its_claim(catalogue: Catalogue):
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


def test_who_comes_later_is_owed_nothing(catalogue: Catalogue):
    old = begin(catalogue, "Old", 2)
    catalogue.runs.book(old, 500, 0.0)
    new = begin(catalogue, "New", 2)
    assert (why(catalogue, old), why(catalogue, new)) == ("", "")
    catalogue.runs.book(new, TURN, 0.0)
    assert why(catalogue, new) == "others"
    assert catalogue.runs.get(new).served == TURN, "people are told what it was really given"


def test_who_only_delivers_is_no_measure_for_those_who_come(catalogue: Catalogue):
    delivering = begin(catalogue, "Delivering", 1)
    catalogue.runs.set_waiting_shards(delivering, 0)
    old = begin(catalogue, "Old", 2)
    catalogue.runs.book(old, 500, 0.0)
    new = begin(catalogue, "New", 2)
    assert why(catalogue, old) == ""
    catalogue.runs.set_waiting_shards(delivering, 3)
    assert why(catalogue, old) == "", "nor is it owed what it did not ask for"
    assert why(catalogue, new) == ""


def test_who_comes_back_or_rises_is_owed_nothing(catalogue: Catalogue):
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
    """Devices and a queue of shards, first in, first out, as a cluster has them; rounds as drivers make them."""

    def __init__(self, catalogue: Catalogue, devices: int) -> None:
        self.catalogue = catalogue
        self.at_work: list[tuple[str, int] | None] = [None] * devices
        self.queue: deque[tuple[str, int]] = deque()
        self.returned: dict[str, list[int]] = {}
        self.given: Counter[str] = Counter()
        self.order: list[str] = []

    def submit(self, run_id: str, shards: Iterable[int]) -> None:
        """Begin a round."""
        left = list(shards)
        self.returned[run_id] = []
        self.catalogue.runs.set_waiting_shards(run_id, len(left))
        self.queue.extend((run_id, jobs) for jobs in left)

    def tick(self) -> None:
        """Let every device take one step."""
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
    """Jain's index: 1 where all have the same, 1/n where one has all."""
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


def test_an_urgent_campaign_gets_the_devices_after_what_is_in_hand(catalogue: Catalogue):
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
    assert set(order[: 2 * SHARD // STEP]) == {urgent}, "the steps in hand had ended, and none was begun"
    tail = order[order.index(urgent) :]
    assert tail.count(urgent) == 3 * SHARD // STEP
    assert set(others) & set(tail), "its last shard leaves a device to the others"
    assert tail.index(next(each for each in tail if each in others)) >= 2 * SHARD // STEP - 1


def test_threads_of_three_campaigns_lease_in_turn(catalogue: Catalogue):
    """Real leases by real threads: when the first campaign has all, the others are a turn behind at most."""
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
    troubles: list[BaseException] = []
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
            troubles.append(error)
            raise

    threads = [threading.Thread(target=watched, args=(run_id,)) for run_id in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert troubles == []
    assert set(given.values()) == {64}
    assert min(first_done[0].values()) >= 64 - 2 * (TURN + STEP)


NAMES = ("a", "b", "c")
numbers = itertools.count()
FIELDS = st.sampled_from(NAMES)


class Turns(RuleBasedStateMachine):
    """Drivers and people do whatever they like, in any order."""

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
    def people_are_told_what_was_given(self):
        assert {name: row.served for name, row in self.rows().items()} == self.given

    @invariant()
    def somebody_may_always_go_on(self):
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
    def who_stands_still_is_told_so(self):
        for run_id in self.ids.values():
            standing = self.catalogue.steering.standing(campaign_of(self.catalogue, run_id))
            assert standing == "active" or why(self.catalogue, run_id) == standing


def test_no_order_of_events_brings_all_to_a_stop(catalogue: Catalogue):
    run_state_machine_as_test(
        lambda: Turns(catalogue),
        settings=settings(
            max_examples=6, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
