"""Pause, cancel and resume a campaign: what still finishes, what ends, and what is not affected."""

import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable

import pytest
import samples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from adapters.catalogue import Catalogue, Lease, open_catalogue
from adapters.catalogue.work.steering import CampaignStandingError
from manifests.errors import CatalogueError, LostLeaseError

SPRING = samples.campaign().campaign_id


def take(catalogue: Catalogue, ids: list[str], campaign_id: str = SPRING, states=("planned",), owner="me"):
    return catalogue.leases.acquire(ids, owner, samples.LONG, states, attempts_cap=samples.CAP, campaign_id=campaign_id)


def sharing(catalogue: Catalogue, count: int, start: int = 0, name: str = "Autumn") -> str:
    """Add another campaign with ``count`` variants whose seeds begin at ``start``; return its id."""
    other = samples.campaign(name)
    catalogue.campaigns.add(other, {})
    catalogue.campaigns.add_variants(other.campaign_id, samples.planned(count, start=start))
    return other.campaign_id


def test_a_paused_campaign_gets_no_leases_and_finishes_current_ones(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    held = take(catalogue, ids[:2])
    assert catalogue.steering.steer(SPRING, "paused", "person:ann", "too dark") == 0
    assert take(catalogue, ids) == []
    assert catalogue.leases.renew("me", 60.0) == 2
    catalogue.results.mark_rendered(held[0], samples.clip(ids[0]))
    catalogue.results.mark_judged(held[0], samples.score(ids[0]), samples.passed(ids[0]))
    assert (
        catalogue.results.record_batch([(held[1], samples.clip(ids[1]), samples.score(ids[1]), samples.failed(ids[1]))])
        == []
    )
    row = catalogue.campaigns.get(SPRING)
    assert (row.standing, row.stood) == ("paused", {"actor": "person:ann", "reason": "too dark"})
    assert catalogue.steering.standing(SPRING) == "paused"
    catalogue.steering.steer(SPRING, "active", "person:ann")
    assert [lease.variant_id for lease in take(catalogue, ids)] == ids[2:]


@pytest.mark.parametrize(
    ("state", "states"),
    [
        ("rendered", ("rendered",)),
        ("approved", ("approved",)),
        ("signing", ("signing",)),
        ("planned", ("planned", "rendered")),
    ],
)
@pytest.mark.parametrize("standing", ["paused", "cancelled"])
def test_a_stopped_campaign_gets_no_leases_for_any_kind_of_work(
    catalogue: Catalogue, state: str, states: tuple, standing: str
):
    (variant_id,) = samples.filled(catalogue, 1)
    samples.bring_to(catalogue, variant_id, state)
    catalogue.leases.renew("me", -1.0)
    catalogue.steering.steer(SPRING, standing, "person:ann")
    assert take(catalogue, [variant_id], states=states) == []
    assert len(take(catalogue, [variant_id], sharing(catalogue, 1), states=states)) == 1


def test_cancelling_ends_the_leases_of_clips_in_generation(catalogue: Catalogue):
    ids = samples.filled(catalogue, 5)
    leases = [
        samples.bring_to(catalogue, key, state)
        for key, state in zip(ids, ("leased", "rendered", "signing", "published", "failed"), strict=True)
    ]
    assert catalogue.steering.steer(SPRING, "cancelled", "person:ann", "wrong brand") == 2
    assert catalogue.variants.states(ids) == dict(
        zip(ids, ("planned", "rendered", "signing", "published", "failed"), strict=True)
    )
    leased, rendered, signing = leases[:3]
    with pytest.raises(LostLeaseError):
        catalogue.results.mark_rendered(leased, samples.clip(ids[0]))
    with pytest.raises(LostLeaseError):
        catalogue.results.mark_failed(leased, "out of memory")
    with pytest.raises(LostLeaseError):
        catalogue.results.mark_judged(rendered, samples.score(ids[1]), samples.passed(ids[1]))
    assert (
        catalogue.results.record_batch([(leased, samples.clip(ids[0]), samples.score(ids[0]), samples.passed(ids[0]))])
        == ids[:1]
    )
    assert catalogue.leases.release([leased, rendered]) == 0
    catalogue.results.mark_published(signing, "https://clips.example/x.mp4")
    assert catalogue.variants.get(ids[2]).state == "published"


def test_a_leased_approved_clip_is_signed_despite_a_cancellation(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    samples.bring_to(catalogue, variant_id, "approved")
    (lease,) = take(catalogue, [variant_id], states=("approved",))
    assert catalogue.steering.steer(SPRING, "cancelled", "person:ann") == 0
    catalogue.results.mark_signing(lease, samples.facts(variant_id))
    catalogue.results.mark_published(lease, "https://clips.example/x.mp4")


def test_cancelling_does_not_count_as_a_try(catalogue: Catalogue):
    fresh, worn = samples.filled(catalogue, 2)
    take(catalogue, [worn])
    catalogue.leases.release_owner("me")
    take(catalogue, [fresh, worn])
    for _ in range(2):
        catalogue.steering.steer(SPRING, "cancelled", "person:ann")
    assert [catalogue.variants.get(key).tries for key in (fresh, worn)] == [0, 1]
    for _ in range(2 * samples.CAP):
        catalogue.steering.steer(SPRING, "active", "person:ann")
        assert len(take(catalogue, [fresh, worn])) == 2
        catalogue.steering.steer(SPRING, "cancelled", "person:ann")
    assert set(catalogue.variants.states([fresh, worn]).values()) == {"planned"}


def test_cancelling_keeps_leases_shared_with_an_active_campaign(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    other = sharing(catalogue, 2, start=2)
    leases = take(catalogue, ids)
    assert catalogue.steering.steer(SPRING, "cancelled", "person:ann") == 2
    assert catalogue.variants.states(ids) == dict(zip(ids, ("planned", "planned", "leased", "leased"), strict=True))
    catalogue.results.mark_rendered(leases[2], samples.clip(ids[2]))
    catalogue.steering.steer(other, "paused", "person:ann")
    assert catalogue.steering.steer(SPRING, "cancelled", "person:ann") == 2
    assert catalogue.leases.owners() == []


def test_a_cancelled_campaign_can_be_resumed(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2)
    samples.bring_to(catalogue, ids[0], "rendered")
    catalogue.steering.steer(SPRING, "cancelled", "person:ann")
    catalogue.steering.steer(SPRING, "active", "person:bob", "ann was wrong")
    assert [lease.state for lease in take(catalogue, ids, states=("planned", "rendered"))] == ["rendered", "leased"]


def test_the_audit_log_contains_each_change_once(catalogue: Catalogue):
    ids = samples.filled(catalogue, 1)
    take(catalogue, ids)
    for standing in ("paused", "paused", "cancelled", "active", "active"):
        catalogue.steering.steer(SPRING, standing, "person:ann", "why")
    for priority in (5, 5, 0):
        catalogue.steering.set_priority(SPRING, priority, "person:bob")
    recorded = [(entry.actor, entry.action, entry.subject) for entry in catalogue.audit.entries()]
    assert recorded == [
        ("person:bob", "priority", SPRING),
        ("person:bob", "priority", SPRING),
        ("person:ann", "active", SPRING),
        ("person:ann", "cancelled", SPRING),
        ("person:ann", "planned", ids[0]),
        ("person:ann", "paused", SPRING),
        ("system", "places", SPRING),
        ("system", "settings", SPRING),
    ]
    assert catalogue.audit.entries()[3].detail == {"reason": "why", "leases_ended": 1}
    assert catalogue.audit.verify().ok


def test_unusual_reasons_are_stored_and_invalid_values_refused(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    catalogue.steering.steer(SPRING, "paused", "person:ann", "nul \x00 and \ud800 'quotes'; DROP TABLE campaigns")
    assert catalogue.campaigns.get(SPRING).stood["reason"].endswith("'quotes'; DROP TABLE campaigns")
    with pytest.raises(ValueError, match="invalid standing 'halted'"):
        catalogue.steering.steer(SPRING, "halted", "person:ann")
    for priority in (-101, 101):
        with pytest.raises(ValueError, match=r"invalid priority -?101; use -100 to 100"):
            catalogue.steering.set_priority(SPRING, priority, "person:ann")


def test_an_unknown_campaign_raises(catalogue: Catalogue):
    for call in (
        lambda: catalogue.steering.steer("no-such", "paused", "person:ann"),
        lambda: catalogue.steering.standing("no-such"),
        lambda: catalogue.steering.set_priority("no-such", 3, "person:ann"),
    ):
        with pytest.raises(CatalogueError, match="No campaign in the catalogue has the id 'no-such'"):
            call()


def test_a_status_is_not_changed_if_unless_matches_it(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    catalogue.steering.steer(SPRING, "cancelled", "person:ann")
    with pytest.raises(CampaignStandingError):
        catalogue.steering.steer(SPRING, "paused", "person:bob", unless="cancelled")
    assert catalogue.campaigns.get(SPRING).stood["actor"] == "person:ann"
    catalogue.steering.steer(SPRING, "active", "person:ann", unless="paused")
    assert catalogue.steering.standing(SPRING) == "active"


@pytest.mark.parametrize("standing", ["paused", "cancelled"])
def test_no_lease_is_committed_after_a_pause_or_cancellation(catalogue: Catalogue, monkeypatch, standing: str):
    """A pause waits for a lease that is being acquired, so that it is in force when it returns."""
    ids = samples.filled(catalogue, 2)
    picked, go_on = threading.Event(), threading.Event()
    whole = catalogue.leases._lease

    def slow(*args):
        picked.set()
        go_on.wait(20)
        return whole(*args)

    monkeypatch.setattr(catalogue.leases, "_lease", slow)
    worker = threading.Thread(target=take, args=(catalogue, ids[:1]))
    worker.start()
    assert picked.wait(20)
    ended: list[int] = []
    person = threading.Thread(target=lambda: ended.append(catalogue.steering.steer(SPRING, standing, "person:ann")))
    person.start()
    person.join(0.3)
    assert person.is_alive(), "the pause returned while a lease was being acquired"
    go_on.set()
    worker.join(20)
    person.join(20)
    assert ended == [1 if standing == "cancelled" else 0]
    assert catalogue.variants.states(ids)[ids[0]] == ("planned" if standing == "cancelled" else "leased")
    assert take(catalogue, ids) == []


def test_campaigns_do_not_wait_for_each_others_pauses(catalogue: Catalogue):
    """Other campaigns, and leases without a campaign, are not affected by a pause."""
    ids = samples.filled(catalogue, 2)
    other = sharing(catalogue, 2, start=10)
    catalogue.steering.steer(SPRING, "paused", "person:ann")
    assert len(take(catalogue, [item.variant_id for item in samples.planned(2, start=10)], other)) == 2
    assert len(samples.take(catalogue, ids)) == 2


def _work(url: str, owner: str, ids: list[str], start, answer) -> None:
    """Lease and record a few variants at a time; report which were recorded and which were lost."""
    done, lost = [], []
    with open_catalogue(url) as catalogue:
        start.wait(30)
        for begin in range(0, len(ids), 3):
            leases = take(catalogue, ids[begin : begin + 3], owner=owner)
            if not leases and catalogue.steering.standing(SPRING) == "cancelled":
                break
            items = [
                (each, samples.clip(each.variant_id), samples.score(each.variant_id), samples.passed(each.variant_id))
                for each in leases
            ]
            gone = catalogue.results.record_batch(items)
            lost += gone
            done += [each.variant_id for each in leases if each.variant_id not in gone]
            # SQLite's lock has no queue: without a pause, a worker would get it again before a person does.
            time.sleep(0.01)
    answer.put((done, lost))


def test_working_processes_stop_at_a_cancellation(catalogue: Catalogue):
    ids = samples.filled(catalogue, 600)
    context = multiprocessing.get_context("spawn")
    start, answer = context.Barrier(3), context.Queue()
    processes = [
        context.Process(target=_work, args=(catalogue.url, f"process {number}", ids, start, answer))
        for number in range(2)
    ]
    for process in processes:
        process.start()
    start.wait(60)
    while sum(state == "passed" for state in catalogue.variants.states(ids).values()) < 6:
        time.sleep(0.01)
    catalogue.steering.steer(SPRING, "cancelled", "person:ann")
    at_cancel = catalogue.variants.states(ids)
    answers = [answer.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    assert catalogue.variants.states(ids) == at_cancel, "a worker wrote after the cancellation"
    done = [key for each, _ in answers for key in each]
    assert sorted(done) == sorted(key for key, state in at_cancel.items() if state == "passed")
    assert set(at_cancel.values()) == {"passed", "planned"}
    assert catalogue.leases.owners() == []


VARIANTS = 5
NAMES = ("a", "b")
seeds = itertools.count(1000, VARIANTS + 3)


class Steered(RuleBasedStateMachine):
    """Two campaigns that share some variants, workers of both, and people who change their decisions."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self.catalogue = catalogue
        start = next(seeds)
        self.campaigns = {
            name: sharing(catalogue, VARIANTS, start + 3 * number, f"{name}{start}")
            for number, name in enumerate(NAMES)
        }
        self.ids = {
            name: [item.variant_id for item in samples.planned(VARIANTS, start=start + 3 * number)]
            for number, name in enumerate(NAMES)
        }
        self.standing = dict.fromkeys(NAMES, "active")
        self.leases: list[Lease] = []
        self.tries = dict.fromkeys([*self.ids["a"], *self.ids["b"]], 0)

    @rule(name=st.sampled_from(NAMES), numbers=st.lists(st.integers(0, VARIANTS - 1), min_size=1, unique=True))
    def lease(self, name, numbers):
        taken = self.catalogue.leases.acquire(
            [self.ids[name][number] for number in numbers],
            name,
            600.0,
            attempts_cap=99,
            campaign_id=self.campaigns[name],
        )
        assert not taken or self.standing[name] == "active"
        self.leases += taken
        for lease in taken:
            self.tries[lease.variant_id] += 1

    @rule(name=st.sampled_from(NAMES), standing=st.sampled_from(["active", "paused", "cancelled"]))
    def steer(self, name, standing):
        held = self.held()
        ended = self.catalogue.steering.steer(self.campaigns[name], standing, "person:ann")
        self.standing[name] = standing
        gone = held.keys() - self.held().keys()
        other = NAMES[1 - NAMES.index(name)]
        kept = set(self.ids[other]) if self.standing[other] == "active" else set()
        assert gone == ({key for key in held if key in self.ids[name]} - kept if standing == "cancelled" else set())
        assert ended == len(gone)
        for key in gone:
            self.tries[key] -= 1

    @precondition(lambda self: self.leases)
    @rule(pick=st.integers(0, 1000), end=st.booleans())
    def work(self, pick, end):
        lease = self.leases[pick % len(self.leases)]
        is_mine = self.held().get(lease.variant_id) == (lease.owner, lease.attempt)
        key = lease.variant_id
        step: Callable[[], object] = (
            (lambda: self.catalogue.results.mark_failed(lease, "odd"))
            if end
            else (lambda: self.catalogue.results.mark_rendered(lease, samples.clip(key)))
        )
        try:
            step()
        except LostLeaseError:
            assert not is_mine
        else:
            assert is_mine

    def held(self) -> dict[str, tuple[str, int]]:
        rows = {
            row.variant_id: row for each in self.campaigns.values() for row in self.catalogue.variants.of_campaign(each)
        }
        return {key: (row.lease_owner, row.attempt) for key, row in rows.items() if row.lease_owner}

    @invariant()
    def tries_count_leases_that_were_not_revoked(self):
        rows = {
            row.variant_id: row for each in self.campaigns.values() for row in self.catalogue.variants.of_campaign(each)
        }
        assert {key: row.tries for key, row in rows.items()} == self.tries


def test_no_order_of_steering_and_work_violates_the_guarantees(catalogue: Catalogue):
    run_state_machine_as_test(
        lambda: Steered(catalogue),
        settings=settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
