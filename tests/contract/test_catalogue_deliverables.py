"""Deliverables are planned once, change their state only as they may, and are published once."""

import itertools
import json

import deliverable_samples as ours
import pytest
import samples
from decisions import decide
from sqlalchemy import insert, select, text

from adapters.catalogue import Catalogue
from adapters.catalogue.core.tables import deliverable_events
from manifests.errors import CatalogueError, LostLeaseError, NotFoundError
from manifests.finish.deliverable import DELIVERABLE_TRANSITIONS, DeliverableState

STATES = ("planned", "finished", "signing", "published", "failed", "withdrawn")


def planned(catalogue: Catalogue) -> str:
    [variant_id] = ours.published(catalogue)
    [deliverable_id] = catalogue.deliverables.add([ours.spec(variant_id)])
    return deliverable_id


def test_a_deliverable_is_planned_once(catalogue: Catalogue):
    [variant_id] = ours.published(catalogue)
    specs = [ours.spec(variant_id, locale) for locale in ("de", "ar")]
    added = catalogue.deliverables.add(specs)
    assert sorted(added) == sorted(spec.deliverable_id for spec in specs)
    assert catalogue.deliverables.add(specs) == []
    rows = catalogue.deliverables.of_campaign(ours.CAMPAIGN)
    assert [(row.locale, row.state, row.damage) for row in rows] == [("ar", "planned", ""), ("de", "planned", "")]
    assert [row.spec for row in rows] == specs[::-1]
    assert catalogue.deliverables.of_variant(variant_id) == rows
    assert catalogue.deliverables.counts() == {"planned": 2}
    assert catalogue.deliverables.counts_by_campaign() == {ours.CAMPAIGN: {"planned": 2}}


def test_a_deliverable_of_an_unpublished_clip_is_not_planned(catalogue: Catalogue):
    first, second = samples.filled(catalogue, 2)
    samples.bring_to(catalogue, first, "published")
    samples.bring_to(catalogue, second, "signing")
    assert catalogue.deliverables.add([ours.spec(second), ours.spec(first, "", second)]) == []
    assert catalogue.deliverables.add([ours.spec(first)]) == [ours.spec(first).deliverable_id]


@pytest.mark.parametrize("state", STATES)
def test_events_tell_every_change(catalogue: Catalogue, state: str):
    deliverable_id = planned(catalogue)
    ours.bring_to(catalogue, deliverable_id, state)
    row = catalogue.deliverables.get(deliverable_id)
    events = catalogue.deliverables.events(deliverable_id)
    assert events[-1]["to_state"] == row.state == state
    for before, after in itertools.pairwise(events):
        assert after["from_state"] == before["to_state"]
        assert after["to_state"] in DELIVERABLE_TRANSITIONS[DeliverableState(before["to_state"])]


def test_results_are_stored(catalogue: Catalogue):
    deliverable_id = planned(catalogue)
    ours.bring_to(catalogue, deliverable_id, "published")
    row = catalogue.deliverables.get(deliverable_id)
    assert row.file == ours.finished_file()
    assert row.signed == ours.facts(deliverable_id)
    assert row.signed.keys[-2:] == (f"spring/{deliverable_id}.srt", f"spring/{deliverable_id}.mp4")
    assert (row.url, row.machine, row.lease_owner) == (f"https://clips.example/{deliverable_id}.mp4", "here", None)
    assert catalogue.files.keys_in_use(row.signed.keys) == set(row.signed.keys)
    [entry] = [entry for entry in catalogue.audit.entries(limit=10) if entry.action == "deliverable published"]
    assert (entry.subject, entry.detail["key"]) == (deliverable_id, row.signed.key)
    with pytest.raises(NotFoundError):
        catalogue.deliverables.get("0" * 32)


def test_a_worker_that_lost_its_lease_cannot_write(catalogue: Catalogue):
    deliverable_id = planned(catalogue)
    [old] = ours.lease(catalogue, [deliverable_id], "old", -1)
    [new] = ours.lease(catalogue, [deliverable_id], "new")
    for call in (
        lambda: catalogue.deliverables.mark_finished(old, ours.finished_file()),
        lambda: catalogue.deliverables.fail(old, "no"),
    ):
        with pytest.raises(LostLeaseError, match="Another worker"):
            call()
    assert catalogue.deliverable_leases.release([old]) == 0
    catalogue.deliverables.mark_finished(new, ours.finished_file())
    with pytest.raises(LostLeaseError):
        catalogue.deliverables.mark_finished(new, ours.finished_file())


def test_a_lease_is_exclusive_until_it_expires(catalogue: Catalogue):
    deliverable_id = planned(catalogue)
    [held] = ours.lease(catalogue, [deliverable_id], "a")
    assert ours.lease(catalogue, [deliverable_id], "b") == []
    assert catalogue.deliverable_leases.owners() == ["a"]
    assert catalogue.deliverable_leases.of_owner("a") == [deliverable_id]
    assert catalogue.deliverable_leases.renew("a", -1) == 1
    assert [lease.owner for lease in catalogue.deliverable_leases.expired()] == ["a"]
    assert [lease.variant_id for lease in catalogue.deliverable_leases.end_expired()] == [deliverable_id]
    assert catalogue.deliverable_leases.release([held]) == 0
    [again] = ours.lease(catalogue, [deliverable_id], "b")
    assert (again.attempt, again.row.tries) == (2, 2)
    assert catalogue.deliverable_leases.release([again]) == 1
    assert catalogue.deliverables.get(deliverable_id).tries == 1
    ours.lease(catalogue, [deliverable_id], "c")
    assert catalogue.deliverable_leases.release_owner("c") == 1


def test_a_deliverable_without_a_result_fails_in_the_end(catalogue: Catalogue):
    deliverable_id = planned(catalogue)
    for _ in range(samples.CAP):
        [held] = ours.lease(catalogue, [deliverable_id])
        catalogue.deliverable_leases.release([held], begun=True)
    assert ours.lease(catalogue, [deliverable_id]) == []
    row = catalogue.deliverables.get(deliverable_id)
    assert (row.state, row.error[:22]) == ("failed", f"Leased {samples.CAP} times without")
    assert catalogue.deliverables.retry(ours.CAMPAIGN) == 1
    assert len(ours.lease(catalogue, [deliverable_id])) == 1


@pytest.mark.parametrize("status", ["paused", "cancelled"])
def test_nothing_is_leased_for_a_stopped_campaign(catalogue: Catalogue, status: str):
    deliverable_id = planned(catalogue)
    catalogue.steering.steer(ours.CAMPAIGN, status, "person:ann")
    assert ours.lease(catalogue, [deliverable_id]) == []


def test_files_that_are_gone_are_made_again(catalogue: Catalogue):
    deliverable_id = planned(catalogue)
    held = ours.bring_to(catalogue, deliverable_id, "signing")
    catalogue.deliverables.requeue(held, "its files are on another machine")
    row = catalogue.deliverables.get(deliverable_id)
    assert (row.state, row.file, row.signed, row.machine, row.lease_owner) == ("planned", None, None, "", "me")
    catalogue.deliverables.mark_finished(held, ours.finished_file("there"))
    assert catalogue.deliverables.get(deliverable_id).machine == "there"


def test_a_deliverable_is_published_once(catalogue: Catalogue):
    deliverable_id = planned(catalogue)
    ours.bring_to(catalogue, deliverable_id, "published")
    with catalogue.database.reading() as connection:
        row = connection.execute(select(deliverable_events).where(deliverable_events.c.to_state == "published")).one()
    values = {name: value for name, value in row._mapping.items() if name != "event_id"}
    with pytest.raises(CatalogueError), catalogue.database.writing() as connection:
        connection.execute(insert(deliverable_events).values(values))


@pytest.mark.parametrize("state", ["planned", "finished", "signing", "published", "failed"])
def test_withdrawing_a_clip_withdraws_its_deliverables(catalogue: Catalogue, state: str):
    first, second = ours.published(catalogue, 2)
    joined, own = ours.spec(second, "", first), ours.spec(second)
    catalogue.deliverables.add([joined, own])
    held = ours.bring_to(catalogue, joined.deliverable_id, state)
    decide(catalogue, [first], "withdrawn", "person:ann", "expired rights")
    assert catalogue.deliverables.get(joined.deliverable_id).state == "withdrawn"
    assert catalogue.deliverables.get(own.deliverable_id).state == "planned"
    if held:
        with pytest.raises(LostLeaseError, match="withdrawn"):
            catalogue.deliverables.mark_published(held, "https://clips.example/late.mp4")
    assert catalogue.deliverables.add([joined]) == []
    assert catalogue.audit.verify().problems == ()


def test_deliverables_of_an_earlier_submission_are_withdrawn(catalogue: Catalogue):
    first, second = ours.published(catalogue, 2)
    states = ("planned", "finished", "failed", "signing", "published")
    old = catalogue.deliverables.add([ours.spec(first, cta=f"Old {state}") for state in states])
    for deliverable_id, state in zip(old, states, strict=True):
        ours.bring_to(catalogue, deliverable_id, state)
    leased, unknown = catalogue.deliverables.add([ours.spec(first, cta="Old"), ours.spec(second, "", first)])
    ours.lease(catalogue, [leased], "other")
    catalogue.deliverable_leases.release_owner("me")
    new = ours.spec(first, cta="New")
    assert sorted(catalogue.deliverables.replace(ours.CAMPAIGN, [first], [new.deliverable_id])) == sorted(old[:3])
    assert catalogue.deliverables.add([new]) == [new.deliverable_id]
    kept = {row.deliverable_id: row.state for row in catalogue.deliverables.of_campaign(ours.CAMPAIGN)}
    assert [kept[key] for key in old] == ["withdrawn", "withdrawn", "withdrawn", "signing", "published"]
    assert (kept[leased], kept[unknown]) == ("planned", "planned")


def test_waiting_lists_what_has_to_be_done(catalogue: Catalogue):
    [variant_id] = ours.published(catalogue)
    ids = catalogue.deliverables.add([ours.spec(variant_id, str(number)) for number in range(3)])
    ours.bring_to(catalogue, ids[1], "finished")
    ours.bring_to(catalogue, ids[2], "published")
    found = {row.deliverable_id: (row.state, row.lease_owner, row.machine) for row in waiting(catalogue)}
    assert found == {ids[0]: ("planned", None, ""), ids[1]: ("finished", "me", "here")}


def waiting(catalogue: Catalogue):
    return catalogue.deliverables.waiting(ours.CAMPAIGN)


def test_a_changed_description_is_found(catalogue: Catalogue):
    deliverable_id = planned(catalogue)
    body = json.loads(catalogue.deliverables.get(deliverable_id).spec.to_json())
    body["texts"] = [["cta", "Buy from the attacker"]]
    with catalogue.database.writing() as connection:
        connection.execute(text("UPDATE deliverables SET body = :body"), {"body": json.dumps(body)})
    row = catalogue.deliverables.get(deliverable_id)
    assert row.damage == "its description was changed outside Reelmill"
    with pytest.raises(CatalogueError, match="changed outside Reelmill"):
        _ = row.spec
    [lease] = ours.lease(catalogue, [deliverable_id])
    assert catalogue.deliverable_proofs.unproven([lease]) == {deliverable_id: row.damage}
