"""A lease belongs to one worker for as long as it lasts."""

import multiprocessing
import threading
import time

import pytest
import samples

from adapters.catalogue import Catalogue, open_catalogue
from manifests.errors import LostLeaseError, ReelmillError


def test_a_lease_contains_the_variant_and_its_row(catalogue: Catalogue):
    ids = samples.filled(catalogue, 3)
    leases = catalogue.leases.acquire([ids[2], ids[0]], "me", 60.0, attempts_cap=3)
    assert [lease.variant_id for lease in leases] == [ids[2], ids[0]]
    assert leases[0].variant == samples.planned(3)[2].variant
    assert (leases[0].owner, leases[0].attempt, leases[0].state) == ("me", 1, "leased")
    assert leases[0].row.lease_expires == pytest.approx(time.time() + 60, abs=5)
    assert catalogue.variants.states(ids) == {ids[0]: "leased", ids[1]: "planned", ids[2]: "leased"}
    assert catalogue.leases.owners() == ["me"]


def test_a_leased_variant_is_not_leased_again_even_to_its_owner(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2)
    assert len(samples.take(catalogue, ids)) == 2
    assert samples.take(catalogue, ids) == []
    assert samples.take(catalogue, ids, owner="other") == []
    assert samples.take(catalogue, ["0" * 32]) == []


@pytest.mark.parametrize(
    ("state", "asked", "found"),
    [
        ("leased", ("planned",), "leased"),
        ("rendered", ("planned",), "leased"),
        ("rendered", ("planned", "rendered"), "rendered"),
        ("rendered", ("rendered",), "rendered"),
        ("signing", ("approved", "signing"), "signing"),
    ],
)
def test_a_variant_with_an_expired_lease_is_leased_to_another_worker(
    catalogue: Catalogue, state: str, asked: tuple, found: str
):
    (variant_id,) = samples.filled(catalogue, 1)
    lease = samples.bring_to(catalogue, variant_id, state)
    assert lease
    assert samples.take(catalogue, [variant_id], asked, owner="other") == []
    catalogue.leases.renew("me", 0.05)
    time.sleep(0.1)
    (again,) = samples.take(catalogue, [variant_id], asked, owner="other")
    assert (again.state, again.attempt) == (found, lease.attempt + 1)


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        ("leased", ("approved", "signing")),
        ("signing", ("planned",)),
        ("passed", ("planned", "approved")),
        ("failed", ("planned",)),
    ],
)
def test_variants_in_other_states_are_not_leased(catalogue: Catalogue, state: str, asked: tuple):
    (variant_id,) = samples.filled(catalogue, 1)
    samples.bring_to(catalogue, variant_id, state)
    catalogue.leases.renew("me", -1.0)
    assert samples.take(catalogue, [variant_id], asked) == []


def test_renewing_keeps_a_lease_from_expiring(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2)
    catalogue.leases.acquire(ids, "me", 0.05, attempts_cap=3)
    assert catalogue.leases.renew("me", 60.0) == 2
    assert catalogue.leases.renew("nobody", 60.0) == 0
    time.sleep(0.1)
    assert samples.take(catalogue, ids, owner="other") == []


def test_an_expired_lease_stays_valid_until_it_is_leased_again(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    (lease,) = catalogue.leases.acquire([variant_id], "me", -1.0, attempts_cap=3)
    catalogue.results.mark_rendered(lease, samples.clip(variant_id))
    assert catalogue.variants.get(variant_id).state == "rendered"


def test_variants_of_a_dead_owner_are_free_at_once(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    for variant_id, state in zip(ids, ("leased", "rendered", "signing", "published"), strict=True):
        samples.bring_to(catalogue, variant_id, state)
    assert catalogue.leases.release_owner("me") == 3
    assert catalogue.leases.owners() == []
    assert catalogue.variants.states(ids) == dict(
        zip(ids, ("planned", "rendered", "signing", "published"), strict=True)
    )
    assert len(samples.take(catalogue, ids, ("planned", "rendered", "signing"), owner="other")) == 3


def test_releasing_an_unstarted_variant_does_not_count_as_a_try(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2)
    leases = samples.take(catalogue, ids)
    assert catalogue.leases.release(leases) == 2
    assert catalogue.leases.release(leases) == 0
    rows = catalogue.variants.of_campaign(samples.campaign().campaign_id)
    assert [(row.state, row.tries, row.attempt, row.lease_owner) for row in rows] == [("planned", 0, 1, None)] * 2
    with pytest.raises(LostLeaseError):
        catalogue.results.mark_rendered(leases[0], samples.clip(ids[0]))


def test_releasing_a_started_variant_counts_as_a_try(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2)
    samples.bring_to(catalogue, ids[1], "approved")
    leases = [*samples.take(catalogue, ids[:1]), *samples.take(catalogue, ids[1:], ("approved",))]
    assert catalogue.leases.release(leases, begun=True) == 2
    assert catalogue.leases.release(leases, begun=True) == 0
    rows = catalogue.variants.of_campaign(samples.campaign().campaign_id)
    assert [(row.state, row.tries, row.lease_owner) for row in rows] == [("planned", 1, None), ("approved", 1, None)]
    last = catalogue.variants.events(variant_id=ids[0])[-1]
    assert (last.to_state, last.detail) == ("planned", {"released": True})


def test_a_variant_started_too_often_is_quarantined_even_if_released(catalogue: Catalogue):
    poison, idle = samples.filled(catalogue, 2)
    for _ in range(3):
        for variant_id, begun in ((poison, True), (idle, False)):
            catalogue.leases.release(catalogue.leases.acquire([variant_id], "me", 60.0, attempts_cap=3), begun=begun)
    taken = catalogue.leases.acquire([poison, idle], "me", 60.0, attempts_cap=3)
    assert [lease.variant_id for lease in taken] == [idle]
    assert catalogue.variants.get(poison).state == "quarantined"


def test_releasing_a_stale_lease_does_not_end_the_new_one(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    stale = samples.take(catalogue, [variant_id])
    catalogue.leases.release_owner("me")
    samples.take(catalogue, [variant_id], owner="me")
    assert catalogue.leases.release(stale) == 0
    assert catalogue.variants.get(variant_id).lease_owner == "me"


def test_a_variant_leased_too_often_is_quarantined_with_a_reason(catalogue: Catalogue):
    poison, good = samples.filled(catalogue, 2)
    for _ in range(3):
        assert len(catalogue.leases.acquire([poison], "me", 60.0, attempts_cap=3)) == 1
        catalogue.leases.release_owner("me")
    assert [lease.variant_id for lease in catalogue.leases.acquire([poison, good], "me", 60.0, attempts_cap=3)] == [
        good
    ]
    row = catalogue.variants.get(poison)
    assert (row.state, row.lease_owner) == ("quarantined", None)
    assert str(row.error).startswith("Leased 3 times")
    assert catalogue.variants.events(variant_id=poison)[-1].to_state == "quarantined"


def test_progress_resets_the_number_of_tries(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    samples.take(catalogue, [variant_id])
    catalogue.leases.release_owner("me")
    samples.bring_to(catalogue, variant_id, "approved")
    row = catalogue.variants.get(variant_id)
    assert (row.tries, row.attempt) == (0, 2)


def test_threads_never_lease_the_same_variant(catalogue: Catalogue):
    ids = samples.filled(catalogue, 60)
    taken: list[str] = []

    def work(owner: str) -> None:
        for start in range(0, 60, 6):
            taken.extend(lease.variant_id for lease in samples.take(catalogue, ids[start : start + 12], owner=owner))

    threads = [threading.Thread(target=work, args=(f"worker {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)


def _take_all(url: str, owner: str, ids: list[str], start, answer) -> None:
    with open_catalogue(url) as catalogue:
        start.wait()
        taken = []
        for variant_id in ids:
            for lease in samples.take(catalogue, [variant_id], owner=owner):
                catalogue.results.record_batch(
                    [(lease, samples.clip(variant_id), samples.score(variant_id), samples.passed(variant_id))]
                )
                taken.append(variant_id)
        answer.put(taken)


def test_processes_never_lease_the_same_variant(catalogue: Catalogue):
    ids = samples.filled(catalogue, 40)
    context = multiprocessing.get_context("spawn")
    start, answer = context.Barrier(3), context.Queue()
    processes = [
        context.Process(target=_take_all, args=(catalogue.url, f"process {number}", ids, start, answer))
        for number in range(3)
    ]
    for process in processes:
        process.start()
    taken = [variant_id for _ in processes for variant_id in answer.get(timeout=60)]
    for process in processes:
        process.join(30)
    assert sorted(taken) == sorted(ids)
    assert catalogue.progress.tally(samples.campaign().campaign_id) == {"passed": 40}


def test_a_heartbeat_does_not_deadlock_with_a_busy_worker(catalogue: Catalogue):
    ids = samples.filled(catalogue, 200)
    leases = samples.take(catalogue, ids)
    ended = threading.Event()
    errors: list[Exception] = []

    def beat() -> None:
        while not ended.is_set():
            try:
                catalogue.leases.renew("me", 60.0)
            except ReelmillError as error:
                errors.append(error)

    thread = threading.Thread(target=beat)
    thread.start()
    for start in range(0, 200, 20):
        group = list(reversed(leases[start : start + 20]))
        catalogue.results.record_batch(
            [
                (
                    lease,
                    samples.clip(lease.variant_id),
                    samples.score(lease.variant_id),
                    samples.passed(lease.variant_id),
                )
                for lease in group
            ]
        )
    ended.set()
    thread.join()
    assert errors == []
    assert catalogue.progress.tally(samples.campaign().campaign_id) == {"passed": 200}


def lease_some(catalogue: Catalogue, ids: list[str], limit: int, share: float = 1.0, owner: str = "me") -> list[str]:
    leases = catalogue.leases.acquire(ids, owner, 60.0, attempts_cap=3, limit=limit, share=share)
    return [lease.variant_id for lease in leases]


def test_a_limit_leases_the_first_free_variants_in_the_given_order(catalogue: Catalogue):
    ids = samples.filled(catalogue, 6)
    samples.take(catalogue, [ids[5], ids[3]], owner="other")
    assert lease_some(catalogue, [*reversed(ids)], 2) == [ids[4], ids[2]]
    assert lease_some(catalogue, ids, 9) == [ids[0], ids[1]]
    assert lease_some(catalogue, ids, 9) == []


def test_a_share_leaves_variants_for_other_workers_but_leases_at_least_one(catalogue: Catalogue):
    ids = samples.filled(catalogue, 16)
    assert len(lease_some(catalogue, ids, 4, 0.125)) == 2
    assert len(lease_some(catalogue, ids, 1, 0.125)) == 1
    left = [len(lease_some(catalogue, ids, 4, 0.125)) for _ in range(12)]
    assert left == [2, 2, 2, *[1] * 7, 0, 0]


def test_an_exhausted_variant_does_not_use_up_the_limit(catalogue: Catalogue):
    poison, good, *_ = ids = samples.filled(catalogue, 3)
    for _ in range(3):
        catalogue.leases.release(catalogue.leases.acquire([poison], "me", 60.0, attempts_cap=9), begun=True)
    assert lease_some(catalogue, ids, 1) == [good]
    assert catalogue.variants.get(poison).state == "quarantined"


def test_workers_with_the_same_list_lease_different_variants_at_the_same_time(catalogue: Catalogue):
    ids = samples.filled(catalogue, 12)
    start = threading.Barrier(4)
    found: list[list[str]] = []

    def work(name: str) -> None:
        start.wait()
        found.append([key for _ in range(3) for key in lease_some(catalogue, ids, 1, owner=name)])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leased = [key for own in found for key in own]
    assert len(set(leased)) == len(leased)
    assert set(leased) | set(lease_some(catalogue, ids, 12)) == set(ids)


def test_free_variants_are_those_that_acquire_would_lease(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    samples.bring_to(catalogue, ids[0], "leased")
    samples.bring_to(catalogue, ids[1], "passed")
    assert catalogue.leases.free(ids) == {ids[2], ids[3]}
    catalogue.leases.renew("me", -1.0)
    assert catalogue.leases.free(ids) == {ids[0], ids[2], ids[3]}


def test_variants_in_flight_are_those_with_a_lease_that_is_generated_or_judged(catalogue: Catalogue):
    ids = samples.filled(catalogue, 5)
    for variant_id, state in zip(ids, ("leased", "rendered", "passed", "signing", "planned"), strict=True):
        samples.bring_to(catalogue, variant_id, state)
    members = {each.variant_id: each for each in catalogue.campaigns.memberships(samples.campaign().campaign_id)}
    briefs = {each.brief_id for each in members.values()}
    found = catalogue.leases.in_flight(samples.campaign().campaign_id, briefs)
    assert {each.variant_id for each in found} == {ids[0], ids[1]}
    for each in found:
        assert (each.brief_id, each.labels) == (members[each.variant_id].brief_id, members[each.variant_id].labels)
    assert catalogue.leases.in_flight(samples.campaign().campaign_id, {"unknown"}) == []
    catalogue.leases.renew("me", -1.0)
    assert catalogue.leases.in_flight(samples.campaign().campaign_id, briefs) == []


def test_one_worker_at_a_time_chooses(catalogue: Catalogue):
    inside, most = [], []

    def work() -> None:
        with catalogue.leases.choosing("c"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_workers_of_other_processes_choose_one_after_the_other(postgres_url: str):
    with open_catalogue(postgres_url) as one, open_catalogue(postgres_url) as other:
        chosen = threading.Event()

        def work() -> None:
            with other.leases.choosing("c"):
                chosen.set()

        with one.leases.choosing("c"):
            thread = threading.Thread(target=work)
            thread.start()
            assert not chosen.wait(0.3)
        assert chosen.wait(10)
        thread.join()
