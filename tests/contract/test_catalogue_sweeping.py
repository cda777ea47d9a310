"""What the sweeper queries and ends in the catalogue."""

import threading

import pytest
import samples
from decisions import decide
from sealed_catalogue import drop_triggers
from sqlalchemy import select, update

from adapters.catalogue import Catalogue, open_catalogue
from adapters.catalogue.core.tables import database_now, events, runs, variants
from adapters.catalogue.work.runs import ALIVE_S

SPRING = samples.campaign().campaign_id


def expire(catalogue: Catalogue, owner: str = "me") -> None:
    catalogue.leases.renew(owner, -1.0)


def silent(catalogue: Catalogue, run_id: str) -> None:
    with catalogue.database.writing() as connection:
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(beat_at=database_now() - ALIVE_S - 1))


def test_ending_an_expired_lease_resets_only_the_leased_state(catalogue: Catalogue):
    states = ("leased", "rendered", "signing")
    ids = samples.filled(catalogue, 4)
    for variant_id, state in zip(ids, states, strict=False):
        samples.bring_to(catalogue, variant_id, state)
    expire(catalogue)
    samples.take(catalogue, [ids[3]], owner="alive")
    expected = {(ids[0], "leased", "me"), (ids[1], "rendered", "me"), (ids[2], "signing", "me")}
    assert set(catalogue.leases.expired()) == expected
    assert set(catalogue.leases.end_expired()) == expected
    assert [catalogue.variants.states(ids)[key] for key in ids] == ["planned", "rendered", "signing", "leased"]
    assert catalogue.leases.owners() == ["alive"]
    last = catalogue.variants.events(variant_id=ids[0])[-1]
    assert (last.from_state, last.to_state, last.actor) == ("leased", "planned", "system")
    assert (catalogue.leases.expired(), catalogue.leases.end_expired()) == ([], [])
    assert catalogue.variants.get(ids[0]).tries == 1


def test_expired_leases_are_ended_in_batches(catalogue: Catalogue):
    ids = samples.filled(catalogue, 5)
    samples.take(catalogue, ids)
    expire(catalogue)
    assert [len(catalogue.leases.end_expired(2)) for _ in range(4)] == [2, 2, 1, 0]


def test_each_lease_is_ended_by_one_sweeper(catalogue: Catalogue):
    ids = samples.filled(catalogue, 40)
    samples.take(catalogue, ids)
    expire(catalogue)
    ended: list[str] = []

    def end() -> None:
        with open_catalogue(catalogue.url) as own:
            while found := own.leases.end_expired(7):
                ended.extend(lease.variant_id for lease in found)

    threads = [threading.Thread(target=end) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ended) == sorted(ids)
    with catalogue.database.reading() as connection:
        back = connection.execute(select(events.c.variant_id).where(events.c.from_state == "leased")).scalars().all()
    assert sorted(back) == sorted(ids)


def test_a_lease_that_is_being_renewed_is_not_ended(postgres_url: str):
    with open_catalogue(postgres_url) as catalogue:
        ids = samples.filled(catalogue, 2)
        samples.take(catalogue, ids)
        expire(catalogue)
        with catalogue.database.engine.begin() as renewing:
            renewing.execute(
                update(variants).where(variants.c.variant_id == ids[0]).values(lease_expires=database_now() + 60)
            )
            assert [lease.variant_id for lease in catalogue.leases.end_expired()] == [ids[1]]
        assert catalogue.leases.end_expired() == []
        assert catalogue.variants.states(ids) == {ids[0]: "leased", ids[1]: "planned"}


def test_leases_are_listed_by_owner(catalogue: Catalogue):
    ids = samples.filled(catalogue, 3)
    samples.take(catalogue, ids[:2])
    samples.take(catalogue, ids[2:], owner="other")
    assert catalogue.leases.of_owner("me") == sorted(ids[:2])
    assert catalogue.leases.of_owner("nobody") == []


def test_a_silent_run_is_marked_lost_once_and_a_live_run_is_not(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    dead, alive = (catalogue.runs.begin(SPRING, "pool", owner) for owner in ("dead", "alive"))
    catalogue.runs.set_waiting_shards(dead, 3)
    silent(catalogue, dead)
    assert [catalogue.runs.mark_lost(run_id) for run_id in (dead, alive, dead)] == [True, False, False]
    row = catalogue.runs.get(dead)
    assert (row.outcome, row.waiting, row.working) == ("lost", 0, 0)
    assert row.ended_at
    assert catalogue.runs.get(alive).ended_at is None
    silent(catalogue, alive)
    catalogue.runs.beat(alive)
    assert not catalogue.runs.mark_lost(alive)


def test_a_heartbeat_revives_a_lost_run_but_not_an_ended_one(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    slept, ended = (catalogue.runs.begin(SPRING, "pool", owner) for owner in ("slept", "ended"))
    silent(catalogue, slept)
    assert catalogue.runs.mark_lost(slept)
    catalogue.runs.end(ended, "finished")
    for run_id in (slept, ended):
        catalogue.runs.beat(run_id)
    assert (catalogue.runs.get(slept).outcome, catalogue.runs.get(slept).ended_at) == ("", None)
    assert catalogue.runs.turn(slept).may_work
    assert catalogue.runs.get(ended).outcome == "finished"
    assert catalogue.runs.get(ended).ended_at


@pytest.mark.parametrize("state", ["signing", "published", "withdrawn"])
def test_signed_files_are_listed_in_every_state(catalogue: Catalogue, state: str):
    first, second = samples.filled(catalogue, 2)
    samples.bring_to(catalogue, first, state)
    samples.bring_to(catalogue, second, "approved")
    (row,) = catalogue.files.sent(SPRING)
    assert (row.variant_id, row.state) == (first, state)
    assert row.signed.keys == samples.facts(first).keys
    assert list(catalogue.files.sent("autumn-0000")) == []


def test_a_shared_clip_is_listed_for_each_campaign(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    autumn = samples.campaign("Autumn")
    catalogue.campaigns.add(autumn, {})
    catalogue.campaigns.add_variants(autumn.campaign_id, samples.planned(1))
    samples.bring_to(catalogue, variant_id, "published")
    assert [row.variant_id for row in catalogue.files.sent(autumn.campaign_id)] == [variant_id]


def test_committed_keys_are_distinguished_from_others(catalogue: Catalogue):
    ids = samples.filled(catalogue, 3)
    for variant_id, state in zip(ids, ("published", "signing", "approved"), strict=True):
        samples.bring_to(catalogue, variant_id, state)
    named = {*samples.facts(ids[0]).keys, *samples.facts(ids[1]).keys}
    others = {
        *samples.facts(ids[2]).keys,
        f"spring/{ids[0][:12]}-{'0' * 16}.mp4",
        "spring/readme.txt",
        "x",
        "",
        f"spring/{'f' * 32}.mp4",
        f"spring/{ids[0]}.mp4.bak",
        "spring/%_.mp4",
    }
    assert catalogue.files.keys_in_use(named | others) == named
    assert catalogue.files.keys_in_use([]) == set()


def test_many_keys_are_checked_at_once(catalogue: Catalogue):
    ids = samples.filled(catalogue, 250)
    for lease in samples.take(catalogue, ids):
        catalogue.results.record_batch(
            [(lease, samples.clip(lease.variant_id), samples.score(lease.variant_id), samples.passed(lease.variant_id))]
        )
    decide(catalogue, ids, "approved", "ann")
    leases = samples.take(catalogue, ids, ("approved",))
    for lease in leases[::2]:
        catalogue.results.mark_signing(lease, samples.facts(lease.variant_id))
    keys = {samples.facts(variant_id).key for variant_id in ids}
    assert catalogue.files.keys_in_use(keys) == {samples.facts(lease.variant_id).key for lease in leases[::2]}


def test_staged_variants_are_reported_with_lease_and_idle_time(catalogue: Catalogue):
    ids = samples.filled(catalogue, 3)
    samples.bring_to(catalogue, ids[0], "published")
    samples.bring_to(catalogue, ids[1], "signing")
    with catalogue.database.writing() as connection:
        drop_triggers(connection)
        connection.execute(update(events).where(events.c.variant_id == ids[0]).values(at=database_now() - 1000))
    found = catalogue.files.staged([*ids, "f" * 32])
    assert found.keys() == set(ids)
    published, signing, planned = (found[variant_id] for variant_id in ids)
    assert (published.state, published.is_held, published.clip_sha256) == ("published", False, "c" * 64)
    assert published.quiet_s == pytest.approx(1000, abs=5)
    assert published.campaign_id == "spring"
    assert (signing.is_held, signing.signed_path) == (True, samples.facts(ids[1]).path)
    assert signing.quiet_s == pytest.approx(0, abs=5)
    assert (planned.state, planned.is_held, planned.clip_sha256, planned.signed_path) == ("planned", False, "", None)


def test_a_sample_has_the_newest_and_random_clips_without_duplicates(catalogue: Catalogue):
    ids = samples.filled(catalogue, 8)
    for age, variant_id in enumerate(ids[:6]):
        samples.bring_to(catalogue, variant_id, "published")
        with catalogue.database.writing() as connection:
            connection.execute(
                update(variants).where(variants.c.variant_id == variant_id).values(made_at=database_now() - age)
            )
    picked = [row.variant_id for row in catalogue.files.sample_published(2, 2, "0" * 32)]
    assert picked[:2] == ids[:2]
    assert len(set(picked)) == len(picked) == 4
    for start in "08f":
        assert len({row.variant_id for row in catalogue.files.sample_published(1, 1, start * 32)}) == 2
    assert {row.variant_id for row in catalogue.files.sample_published(1, 9, "f" * 32)} == set(ids[:6])
    assert len(catalogue.files.sample_published(0, 3, "8" * 32)) == 3
    assert catalogue.files.sample_published(0, 0, "0" * 32) == []


def test_a_random_sample_can_contain_any_published_clip(catalogue: Catalogue):
    ids = sorted(samples.filled(catalogue, 6))
    for variant_id in ids:
        samples.bring_to(catalogue, variant_id, "published")
    assert {catalogue.files.sample_published(0, 1, variant_id)[0].variant_id for variant_id in ids} == set(ids)
