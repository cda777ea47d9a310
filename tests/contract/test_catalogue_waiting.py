"""What workers poll for: which variants they can lease, without the rest of the rows."""

import dataclasses
from pathlib import Path

import pytest
import samples
from sqlalchemy import update

from adapters.catalogue import Catalogue
from adapters.catalogue.core.rows import record_text
from adapters.catalogue.core.tables import variants

SPRING = samples.campaign().campaign_id


def placed(catalogue: Catalogue, *states: str) -> list[str]:
    """Fill a campaign with a variant in each state; return the ids in planning order."""
    ids = samples.filled(catalogue, len(states))
    for variant_id, state in zip(ids, states, strict=True):
        samples.bring_to(catalogue, variant_id, state)
    return ids


def test_waiting_returns_card_lease_owner_and_machine(catalogue: Catalogue):
    planned, approved, signing = placed(catalogue, "planned", "approved", "signing")
    found = {item.variant_id: item for item in catalogue.variants.waiting(SPRING, ["planned", "approved", "signing"])}
    assert dataclasses.asdict(found[planned]) == {
        "variant_id": planned,
        "card": "starter",
        "lease_owner": None,
        "machine": None,
    }
    assert (found[approved].lease_owner, found[approved].machine) == (None, "")
    assert (found[signing].lease_owner, found[signing].machine) == ("me", "")


def test_waiting_names_the_machine_that_stores_a_clip(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    (lease,) = samples.take(catalogue, [variant_id])
    clip = dataclasses.replace(samples.clip(variant_id), machine="far", path=Path("/far/clip.mp4"))
    catalogue.results.mark_rendered(lease, clip)
    [found] = catalogue.variants.waiting(SPRING, ["rendered"])
    assert (found.machine, found.lease_owner) == ("far", "me")


def test_waiting_names_the_card_of_each_variant(catalogue: Catalogue):
    catalogue.campaigns.add(samples.campaign(), {})
    items = samples.planned(2)
    other = items[1].variant._replace(card="wan")
    items[1] = items[1]._replace(variant=other, variant_id=other.variant_id)
    catalogue.campaigns.add_variants(SPRING, items)
    assert [item.card for item in catalogue.variants.waiting(SPRING, ["planned"])] == ["starter", "wan"]


STATES = (
    "planned",
    "leased",
    "rendered",
    "passed",
    "failed",
    "approved",
    "rejected",
    "signing",
    "published",
    "quarantined",
    "withdrawn",
)


@pytest.mark.parametrize("asked", [(state,) for state in STATES] + [(), ("approved", "signing"), STATES])
def test_waiting_returns_the_requested_states_in_planning_order(catalogue: Catalogue, asked):
    ids = placed(catalogue, *reversed(STATES))
    by_state = dict(zip(reversed(STATES), ids, strict=True))
    wanted = [variant_id for state, variant_id in by_state.items() if state in asked]
    assert [item.variant_id for item in catalogue.variants.waiting(SPRING, asked)] == wanted
    assert [row.variant_id for row in catalogue.variants.of_campaign(SPRING, asked)] == wanted


def test_waiting_is_limited_to_the_campaign_and_lists_shared_variants_once(catalogue: Catalogue):
    autumn = samples.campaign("Autumn")
    for campaign in (samples.campaign(), autumn):
        catalogue.campaigns.add(campaign, {})
    shared, own = samples.planned(3), samples.planned(2, start=7)
    for brief_id in ("b1", "b2"):
        catalogue.campaigns.add_variants(SPRING, [item._replace(brief_id=brief_id) for item in shared])
    catalogue.campaigns.add_variants(autumn.campaign_id, [*own, shared[2]])
    assert [item.variant_id for item in catalogue.variants.waiting(SPRING, ["planned"])] == [
        item.variant_id for item in shared
    ]
    assert [item.variant_id for item in catalogue.variants.waiting(autumn.campaign_id, ["planned"])] == [
        item.variant_id for item in (*own, shared[2])
    ]
    assert catalogue.variants.waiting("no-such-campaign", STATES) == []


def test_a_tally_can_be_limited_to_some_briefs(catalogue: Catalogue):
    catalogue.campaigns.add(samples.campaign(), {})
    for brief_id, count in (("b1", 2), ("b2", 3)):
        catalogue.campaigns.add_variants(SPRING, samples.planned(count, brief_id))
    assert catalogue.progress.tally_by_brief(SPRING, ["b2"]) == {"b2": {"planned": 3}}
    assert catalogue.progress.tally_by_brief(SPRING, []) == {}
    assert catalogue.progress.tally_by_brief(SPRING, ["b3"]) == {}
    assert catalogue.progress.tally_by_brief(SPRING) == {"b1": {"planned": 2}, "b2": {"planned": 3}}


def test_memberships_can_be_limited_to_some_variants(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    found = catalogue.campaigns.memberships(SPRING, [ids[3], ids[1], "0" * 32])
    assert [member.variant_id for member in found] == [ids[1], ids[3]]
    assert catalogue.campaigns.memberships(SPRING, []) == []


def test_the_device_time_of_drafts_of_earlier_versions_stays_part_of_the_clips(catalogue: Catalogue):
    (variant_id,) = placed(catalogue, "passed")
    clip = record_text(samples.clip(variant_id)).replace("{", '{"draft_seconds":0.75,', 1)
    with catalogue.database.writing() as connection:
        connection.execute(update(variants).where(variants.c.variant_id == variant_id).values(clip=clip))
    row = catalogue.variants.get(variant_id)
    worked = samples.clip(variant_id).device_seconds
    assert (row.clip.device_seconds, row.unreadable) == (worked + 0.75, ())


def test_a_tally_by_combination_separates_the_labels_of_a_brief(catalogue: Catalogue):
    catalogue.campaigns.add(samples.campaign(), {})
    first, second, third = samples.planned(3, "b1")
    labelled = [
        item._replace(labels=(("colour", colour),))
        for item, colour in ((first, "red"), (second, "red"), (third, "blue"))
    ]
    catalogue.campaigns.add_variants(SPRING, labelled)
    samples.bring_to(catalogue, first.variant_id, "passed")
    assert catalogue.progress.tally_by_combination(SPRING, {"b1"}) == {
        ("b1", (("colour", "red"),)): {"planned": 1, "passed": 1},
        ("b1", (("colour", "blue"),)): {"planned": 1},
    }
    assert catalogue.progress.tally_by_combination(SPRING, ["b2"]) == {}
    assert catalogue.progress.tally_by_combination(SPRING, []) == {}


def test_the_rate_of_a_card_ignores_clips_whose_frames_were_reused(catalogue: Catalogue):
    made, reused = samples.filled(catalogue, 2)
    for variant_id, seconds in ((made, 4.0), (reused, 0.0)):
        [lease] = samples.take(catalogue, [variant_id])
        clip = dataclasses.replace(samples.clip(variant_id), device_seconds=seconds)
        catalogue.results.mark_rendered(lease, clip)
    assert catalogue.progress.device_rates() == {"starter": 4.0}
