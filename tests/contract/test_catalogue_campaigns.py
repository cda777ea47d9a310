"""Campaigns and variants are stored once and read back unchanged."""

import json

import pytest
import samples
from decisions import decide
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.catalogue import Catalogue
from adapters.catalogue.core.rows import brief_from, clean, record_text, variant_from, variant_text
from manifests.brief import Brief
from manifests.errors import CatalogueError
from manifests.placement import Placement
from manifests.variant import PlannedVariant, Variant

CAMPAIGN = samples.campaign()


def test_a_campaign_is_read_back_unchanged(catalogue: Catalogue):
    catalogue.campaigns.add(CAMPAIGN, {"review": "auto", "min_adherence": 0.2})
    row = catalogue.campaigns.get(CAMPAIGN.campaign_id)
    assert (row.name, row.sheet_sha256) == (CAMPAIGN.name, CAMPAIGN.sheet_sha256)
    assert row.settings == {"review": "auto", "min_adherence": 0.2}
    assert catalogue.campaigns.briefs(CAMPAIGN.campaign_id) == CAMPAIGN.briefs


def test_adding_a_campaign_again_updates_only_its_settings(catalogue: Catalogue):
    catalogue.campaigns.add(CAMPAIGN, {"review": "auto"})
    first = catalogue.campaigns.all()[0]
    catalogue.campaigns.add(CAMPAIGN, {"review": "required"})
    (row,) = catalogue.campaigns.all()
    assert row.settings == {"review": "required"}
    assert row.created_at == first.created_at
    assert catalogue.campaigns.briefs(CAMPAIGN.campaign_id) == CAMPAIGN.briefs


def test_variants_are_returned_in_planning_order(catalogue: Catalogue):
    ids = samples.filled(catalogue, 20)
    rows = catalogue.variants.of_campaign(CAMPAIGN.campaign_id)
    assert [row.variant_id for row in rows] == ids
    assert all(row.variant.variant_id == row.variant_id and row.state == "planned" for row in rows)
    members = catalogue.campaigns.memberships(CAMPAIGN.campaign_id)
    assert [(member.variant_id, member.ordinal) for member in members] == list(zip(ids, range(20), strict=True))
    assert members[3].labels == (("seed", "3"),)
    assert members[3].placement == "tiktok 9:16"


def test_adding_variants_again_adds_only_new_ones(catalogue: Catalogue):
    ids = samples.filled(catalogue, 10)
    samples.bring_to(catalogue, ids[0], "published")
    before = catalogue.variants.events(CAMPAIGN.campaign_id)
    assert catalogue.campaigns.add_variants(CAMPAIGN.campaign_id, samples.planned(12)) == 2
    assert catalogue.variants.states([ids[0]]) == {ids[0]: "published"}
    assert len(catalogue.variants.events(CAMPAIGN.campaign_id)) == len(before) + 2
    assert catalogue.progress.tally(CAMPAIGN.campaign_id) == {"planned": 11, "published": 1}


def test_each_planned_variant_has_an_event(catalogue: Catalogue):
    ids = samples.filled(catalogue, 3)
    events = catalogue.variants.events(CAMPAIGN.campaign_id)
    assert sorted(event.variant_id for event in events) == sorted(ids)
    assert {(event.from_state, event.to_state, event.actor) for event in events} == {(None, "planned", "system")}


def test_campaigns_and_briefs_share_identical_variants(catalogue: Catalogue):
    autumn = samples.campaign("Autumn")
    for campaign in (CAMPAIGN, autumn):
        catalogue.campaigns.add(campaign, {})
        added = [
            catalogue.campaigns.add_variants(campaign.campaign_id, samples.planned(4, brief)) for brief in ("b1", "b2")
        ]
        assert added == ([4, 0] if campaign is CAMPAIGN else [0, 0])
    samples.bring_to(catalogue, samples.planned(1)[0].variant_id, "passed")
    for campaign in (CAMPAIGN, autumn):
        assert catalogue.progress.tally(campaign.campaign_id) == {"planned": 3, "passed": 1}
        assert catalogue.progress.tally_by_brief(campaign.campaign_id) == {
            "b1": {"planned": 3, "passed": 1},
            "b2": {"planned": 3, "passed": 1},
        }
        assert len(catalogue.variants.of_campaign(campaign.campaign_id)) == 4


def test_a_rejected_clip_that_had_failed_the_gate_did_not_pass(catalogue: Catalogue):
    passed, failed, dull, _ = samples.filled(catalogue, 4)
    for variant_id, state in ((passed, "published"), (failed, "failed"), (dull, "rejected")):
        samples.bring_to(catalogue, variant_id, state)
    assert catalogue.progress.passed(CAMPAIGN.campaign_id) == 2
    assert decide(catalogue, [failed], "rejected", "ann", "dull") == [failed]
    assert catalogue.progress.passed(CAMPAIGN.campaign_id) == 2


def test_a_brief_can_use_one_variant_for_two_placements(catalogue: Catalogue):
    catalogue.campaigns.add(CAMPAIGN, {})
    variant = samples.variant()
    items = [
        PlannedVariant("b1", Placement(channel, "9:16"), variant, variant.variant_id) for channel in ("tiktok", "reels")
    ]
    assert catalogue.campaigns.add_variants(CAMPAIGN.campaign_id, items) == 1
    assert [member.placement for member in catalogue.campaigns.memberships(CAMPAIGN.campaign_id)] == [
        "tiktok 9:16",
        "reels 9:16",
    ]
    assert catalogue.progress.tally(CAMPAIGN.campaign_id) == {"planned": 1}


def test_variants_of_an_unknown_brief_are_all_refused(catalogue: Catalogue):
    catalogue.campaigns.add(CAMPAIGN, {})
    with pytest.raises(CatalogueError):
        catalogue.campaigns.add_variants(CAMPAIGN.campaign_id, samples.planned(3, "no-such-brief"))
    assert catalogue.variants.states(item.variant_id for item in samples.planned(3)) == {}


def test_a_regenerated_variant_names_its_parent(catalogue: Catalogue):
    ids = samples.filled(catalogue, 1)
    catalogue.campaigns.add_variants(CAMPAIGN.campaign_id, samples.planned(1, start=9), parent_id=ids[0])
    assert [row.parent_id for row in catalogue.variants.of_campaign(CAMPAIGN.campaign_id)].count(ids[0]) == 1


def test_states_omits_unknown_variants(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2500)
    assert catalogue.variants.states([*ids, "0" * 32]) == dict.fromkeys(ids, "planned")


def test_variants_are_filtered_by_state(catalogue: Catalogue):
    ids = samples.filled(catalogue, 3)
    samples.bring_to(catalogue, ids[1], "failed")
    assert [row.variant_id for row in catalogue.variants.of_campaign(CAMPAIGN.campaign_id, ["failed"])] == [ids[1]]
    assert catalogue.variants.of_campaign(CAMPAIGN.campaign_id, []) == []
    assert catalogue.variants.of_campaign("no-such-campaign") == []


def test_a_campaign_is_found_by_id_prefix_or_name(catalogue: Catalogue):
    for name in ("Spring", "Spring sale", "Autumn"):
        catalogue.campaigns.add(samples.campaign(name), {})
    for reference in (samples.campaign("Autumn").campaign_id, "aut", "Autumn"):
        assert catalogue.campaigns.get(reference).name == "Autumn"
    assert catalogue.campaigns.get("Spring").name == "Spring"
    with pytest.raises(CatalogueError, match="Several campaigns begin with 'sp'"):
        catalogue.campaigns.get("sp")
    for nothing in ("winter", "%", "_pring"):
        with pytest.raises(CatalogueError, match="No campaign"):
            catalogue.campaigns.get(nothing)


def test_an_unknown_variant_raises(catalogue: Catalogue):
    with pytest.raises(CatalogueError, match="no variant '00'"):
        catalogue.variants.get("00")


ODD_TEXT = "nul \x00, lone \ud83d, \u202e, '; DROP TABLE variants; --, 🎬"


def test_unusual_text_is_stored_on_both_engines(catalogue: Catalogue):
    catalogue.campaigns.add(CAMPAIGN, {"note": ODD_TEXT})
    variant = samples.variant(prompt="nul \x00 '; DROP TABLE variants; --, 🎬")
    item = PlannedVariant("b1", Placement("generic", "16:9"), variant, variant.variant_id, (("cta", ODD_TEXT),))
    catalogue.campaigns.add_variants(CAMPAIGN.campaign_id, [item])
    lease = samples.take(catalogue, [variant.variant_id])[0]
    catalogue.results.mark_failed(lease, ODD_TEXT)
    row = catalogue.variants.get(variant.variant_id)
    assert row.variant == variant
    assert catalogue.campaigns.all()[0].settings == {"note": ODD_TEXT}
    assert catalogue.campaigns.memberships(CAMPAIGN.campaign_id)[0].labels == (("cta", ODD_TEXT),)
    assert row.error == clean(ODD_TEXT)
    assert "🎬" in row.error


TEXTS = st.text(max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5)


@settings(max_examples=100)
@given(
    st.builds(
        Variant,
        TEXTS,
        TEXTS,
        TEXTS,
        TEXTS,
        st.integers(0, 2**64),
        *[st.integers(1, 4096)] * 5,
        FLOATS,
        st.lists(TEXTS, max_size=3).map(tuple),
        TEXTS,
    )
)
def test_a_variant_read_back_is_identical(variant):
    again = variant_from(variant_text(variant))
    assert again == variant
    assert json.dumps(again) == json.dumps(variant)


@settings(max_examples=100)
@given(
    st.builds(
        Brief,
        st.integers(1, 9999),
        TEXTS,
        *[st.lists(TEXTS, max_size=2).map(tuple)] * 2,
        st.lists(st.builds(Placement, TEXTS, TEXTS, st.none() | FLOATS), max_size=2).map(tuple),
        st.lists(FLOATS, max_size=2).map(tuple),
        metadata=st.dictionaries(TEXTS, st.lists(TEXTS).map(tuple), max_size=2),
    )
)
def test_a_brief_read_back_is_equal(brief):
    assert brief_from(record_text(brief)) == brief


def test_variants_of_other_campaigns_with_clips_are_found_by_seed_and_prompt(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    for variant_id in ids[:3]:
        samples.bring_to(catalogue, variant_id, "passed")
    prompt = samples.variant().prompt
    assert {row.variant_id for row in catalogue.variants.with_clips([1, 2, 3, 99], [prompt])} == set(ids[1:3])
    assert catalogue.variants.with_clips([1], ["another prompt"]) == []


def test_a_variant_of_a_campaign_has_its_own_id():
    shared = samples.variant()
    first, second = (shared._replace(campaign_id=name) for name in ("a", "b"))
    assert len({shared.variant_id, first.variant_id, second.variant_id}) == 3
    assert first.shared == second.shared == shared
    assert variant_from(variant_text(first)) == first
