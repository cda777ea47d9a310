"""Clips that no run generates, because enough passed, are `not needed` wherever they are listed."""

import re

import pytest
import samples
from dashboard_client import client_of, session_in

from app.dashboard.background.campaign_stats import stats_of
from app.report.clip_results import clip_results
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.costs.prices import NO_PRICES
from manifests.states import NOT_NEEDED

WANTING = Campaign("Autumn", "ab" * 32, (Brief(2, "w1", ("a red ball",), want=1, variants=3),))
NAME = WANTING.campaign_id


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    session = session_in(tmp_path / "home")
    session.catalogue.campaigns.add(WANTING, {})
    session.catalogue.campaigns.add_variants(NAME, samples.planned(3, "w1", start=20))
    return session


@pytest.fixture
def ids(session) -> list[str]:
    """The ids of a published clip and of two that are not needed."""
    ids = [item.variant_id for item in samples.planned(3, "w1", start=20)]
    samples.bring_to(session.catalogue, ids[0], "published")
    return ids


def states_on(page: str) -> list[str]:
    return sorted(re.findall(r'<span class="state \w+"[^>]*>([\w ]+)</span>', page))


def test_the_clips_tab_says_not_needed_without_a_colour_and_lists_the_prompts(session, ids):
    catalogue = session.catalogue
    rows = catalogue.variants.of_campaign(NAME)
    found = clip_results(
        rows,
        catalogue.campaigns.memberships(NAME),
        catalogue.campaigns.briefs(NAME),
        NAME,
        NO_PRICES,
        catalogue.progress.not_needed(NAME),
    )
    assert {each.variant_id: each.state for each in found} == {
        ids[0]: "published",
        ids[1]: NOT_NEEDED,
        ids[2]: NOT_NEEDED,
    }
    assert {each.prompt for each in found} == {rows[0].variant.prompt}
    assert {result.colour for each in found for result in each.results if result.value == NOT_NEEDED} == {""}


def test_the_gallery_the_comparison_and_the_clip_say_not_needed(session, ids):
    client = client_of(session, "reviewer")
    for page in (f"/gallery?campaign={NAME}", f"/compare?campaign={NAME}&brief=w1"):
        text = client.get(page).text
        assert states_on(text) == [NOT_NEEDED, NOT_NEEDED, "published"]
        assert text.count("no clip: enough passed") == 2
        assert "no clip yet" not in text
    assert states_on(client.get("/gallery/cards", params={"id": ids}).text) == [NOT_NEEDED, NOT_NEEDED, "published"]
    assert "not needed, because enough clips passed" in client.get(f"/clips/{ids[1]}").text


def test_a_clip_that_another_campaign_needs_is_planned(session, ids):
    other = Campaign("Winter", "cd" * 32, (Brief(2, "o1", ("a red ball",)),))
    session.catalogue.campaigns.add(other, {})
    session.catalogue.campaigns.add_variants(other.campaign_id, samples.planned(1, "o1", start=21))
    text = client_of(session, "reviewer").get(f"/gallery?campaign={NAME}").text
    assert states_on(text) == [NOT_NEEDED, "planned", "published"]


def test_a_campaign_whose_other_clips_are_not_needed_has_no_work(session, ids):
    head = session.catalogue.campaigns.get(NAME)
    stats = stats_of(session.catalogue, session.prices, head)
    assert (stats.done, stats.total, stats.has_work) == (3, 3, False)
    assert ">Pause campaign<" not in client_of(session, "reviewer").get(f"/campaigns/{NAME}").text


@pytest.mark.parametrize(("state", "has_work"), [("passed", False), ("approved", True), ("failed", False)])
def test_clips_that_a_run_would_publish_are_work(session, state, has_work):
    for item in samples.planned(3, "w1", start=20):
        samples.bring_to(session.catalogue, item.variant_id, state)
    stats = stats_of(session.catalogue, session.prices, session.catalogue.campaigns.get(NAME))
    assert stats.has_work == has_work
