"""The pages and the API show replaced variants, and a chart of scores for each model."""

import json
import re

import pytest
import samples
from dashboard_client import client_of, session_in

from app.dashboard.background.campaign_stats import stats_of
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.scoring.score import Score
from manifests.states import REPLACED
from manifests.variant import PlannedVariant

AUTUMN = Campaign("Autumn", "ab" * 32, (Brief(2, "w1", ("a red ball",), fallbacks=("starter-4step",), variants=2),))
NAME = AUTUMN.campaign_id
WHY = "vendor refused the content of the prompt (x: No. Not this). Change it in the sheet."


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session with a campaign: one published clip, and one that a fallback generates instead of a refused one."""
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    session = session_in(tmp_path / "home")
    catalogue = session.catalogue
    catalogue.campaigns.add(AUTUMN, {})
    first, refused = samples.planned(2, "w1", start=20)
    catalogue.campaigns.add_variants(NAME, [first, refused])
    samples.bring_to(catalogue, first.variant_id, "published")
    [lease] = samples.take(catalogue, [refused.variant_id])
    catalogue.results.mark_failed(lease, WHY)
    variant = refused.variant._replace(card="starter-4step")
    used = PlannedVariant("w1", refused.placement, variant, variant.variant_id, refused.labels)
    catalogue.campaigns.add_variants(NAME, [used], parent_id=refused.variant_id)
    [lease] = samples.take(catalogue, [used.variant_id])
    catalogue.results.mark_rendered(lease, samples.clip(used.variant_id))
    score = Score(used.variant_id, {}, 0.21, 1, 7, "starter-openclip@1")
    catalogue.results.mark_judged(lease, score, samples.passed(used.variant_id))
    return session


def test_replaced_variants_are_counted_separately_and_do_not_lower_the_share_of_passed_clips(session):
    states = {"published": 1, "passed": 1, REPLACED: 1}
    assert session.catalogue.progress.tally(NAME) == states
    stats = stats_of(session.catalogue, session.prices, session.catalogue.campaigns.get(NAME))
    assert (stats.done, stats.generated, stats.passing_rate) == (3, 2, 1.0)
    assert not stats.has_any("failed")
    client = client_of(session, "viewer")
    page = client.get(f"/campaigns/{NAME}/status").text
    assert f'<span class="state planned">{REPLACED}</span> 1</li>' in page
    [found] = [each for each in client.get("/api/campaigns").json() if each["campaign_id"] == NAME]
    assert found["states"] == states


def test_a_retry_with_the_same_model_is_no_fallback(session):
    [failed] = [row for row in session.catalogue.variants.of_campaign(NAME) if row.state == "failed"]
    variant = failed.variant._replace(seed=99)
    [member] = samples.planned(1, "w1")
    again = PlannedVariant("w1", member.placement, variant, variant.variant_id, member.labels)
    session.catalogue.campaigns.add_variants(NAME, [again], parent_id=failed.variant_id)
    assert session.catalogue.progress.tally(NAME) == {"published": 1, "passed": 1, REPLACED: 1, "planned": 1}


def test_the_briefs_and_the_clip_name_both_models_and_the_reason_without_its_advice(session):
    client = client_of(session, "viewer")
    text = "fallback for starter: vendor refused the content of the prompt (x: No. Not this)"
    briefs = client.get(f"/campaigns/{NAME}/briefs").text
    assert f"<small>1 from starter-4step, {text}</small>" in briefs
    assert "Change it in the sheet" not in briefs
    [used] = [row for row in session.catalogue.variants.of_campaign(NAME) if row.parent_id]
    assert "used instead of starter (vendor refused" in client.get(f"/clips/{used.variant_id}").text


def test_each_model_has_its_own_chart_and_threshold(session):
    session.catalogue.campaigns.set_threshold(NAME, "starter-4step", 0.2125, "person:admin")
    page = client_of(session, "viewer").get(f"/campaigns/{NAME}/scores").text
    charts = [json.loads(each) for each in re.findall(r'class="threshold-data">(.*?)</script>', page)]
    assert re.findall(r"<h3>(\S+) <small>scored by (\S+)</small>", page) == [
        ("starter", session.cards["starter"].scorer),
        ("starter-4step", session.cards["starter-4step"].scorer),
    ]
    assert [chart["now"] for chart in charts] == [session.cards["starter"].inputs.min_adherence, 0.2125]
    assert [[bin_[1] for bin_ in chart["bins"]] for chart in charts] == [[0.3], [0.21]]
    assert re.findall(r'id="(slider\S*)"', page) == ["slider", "slider-2"]
    assert "No clips failed." in page


def test_a_campaign_of_one_model_has_one_chart_without_a_heading(session):
    page = client_of(session, "viewer").get(f"/campaigns/{samples.campaign().campaign_id}/scores").text
    assert page.count('class="histogram"') == 1
    assert "<h3>" not in page
    assert "<h2>Scores and threshold</h2>" in page
