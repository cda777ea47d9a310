"""Words on the pages: failure reasons, share links, second reviews, and a campaign that could not be started."""

import pytest
import samples
from dashboard_client import SAME_SITE, client_of, session_in

from app.dashboard.background.jobs import Jobs, JobState

SPRING = samples.campaign().campaign_id
FAILED = samples.variant(1).variant_id


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return session_in(tmp_path / "home")


def test_failure_codes_are_shown_in_words_and_stay_codes_in_urls(session):
    client = client_of(session, "viewer")
    assert '<p class="why">black picture</p>' in client.get("/gallery?state=failed").text
    gallery = client.get("/gallery?reason=black").text
    assert '<option value="black" selected>black picture</option>' in gallery
    assert "Filters: failure reason black picture." in gallery
    assert "reason=black" in gallery
    scores = client.get(f"/campaigns/{SPRING}/scores").text
    assert f'<a href="/gallery?campaign={SPRING}&amp;state=failed&amp;reason=black">black picture: 1</a>' in scores
    assert "<td>black picture: 1</td>" in client.get(f"/campaigns/{SPRING}/briefs").text
    shown = client.get(f"/clips/{FAILED}").text
    assert "<li>the clip is black</li>" in shown
    assert '<th scope="row">brightness</th>' in shown
    assert '<th scope="row">invalid pixels</th>' in shown


def test_a_rejection_is_shown_with_the_words_of_its_codes(session):
    client = client_of(session, "reviewer")
    seen = session.catalogue.variants.last_events([FAILED])[FAILED]
    fields = {"outcome": "rejected", "seen": f"{FAILED}:{seen}", "codes": ["brand", "text"]}
    assert client.post("/decide", headers=SAME_SITE, data=fields).status_code == 200
    shown = client.get(f"/clips/{FAILED}").text
    assert "rejected by reviewer (off brand, garbled text or logos)" in " ".join(shown.split())


def test_share_links_show_the_name_of_their_campaign(session):
    client = client_of(session, "admin")
    page = client.post("/people/shares", headers=SAME_SITE, data={"campaign": SPRING}).text
    assert "Share link to Spring. Copy it now." in page
    assert f'<a href="/campaigns/{SPRING}">Spring</a>' in page
    assert 'aria-label="Revoke the link to Spring"' in page
    assert client.post("/people/shares", headers=SAME_SITE, data={"campaign": "none"}).status_code == 404


def test_second_reviews_are_off_or_have_a_share(session):
    client = client_of(session, "admin")
    page = client.get(f"/campaigns/{SPRING}").text
    assert "<p>Second reviews are off.</p>" in page
    client.post(f"/campaigns/{SPRING}/second-share", headers=SAME_SITE, data={"percent": "20"})
    assert "20% of the reviewed clips" in client.get(f"/campaigns/{SPRING}").text


@pytest.mark.parametrize("running", [True, False])
def test_the_heading_of_a_started_campaign_is_refreshed_with_its_output(session, monkeypatch, running: bool):
    job = JobState("run", running, not running, 1.0, ("Error: no such model.",))
    monkeypatch.setattr(Jobs, "state", lambda *_: job)
    page = client_of(session, "reviewer").get("/started/summer-1").text
    section = page.partition("<section")[2].partition("</section>")[0]
    assert ("Starting summer-1…" if running else "summer-1 was not started") in section
    assert ("Fix the error below and upload the sheet again." in section) is not running
    assert ('<a class="button" href="/upload">Upload another sheet</a>' in section) is not running
    assert ('hx-select="main > section"' in section) is running


def test_the_calibration_page_explains_precision_and_recall(session):
    client = client_of(session, "admin")
    clips = {row.variant_id: row for row in session.catalogue.variants.of_campaign(SPRING)}
    events = session.catalogue.variants.last_events(list(clips))
    for key, row in clips.items():
        if row.state in ("passed", "failed"):
            outcome = "approved" if row.state == "passed" else "rejected"
            client.post("/decide", headers=SAME_SITE, data={"outcome": outcome, "seen": f"{key}:{events[key]}"})
    assert "No reviewed clip passes." in client.get("/calibration").text
    threshold = {"campaign": SPRING, "model": "starter", "threshold": "0.25"}
    assert client.post("/calibration/apply", headers=SAME_SITE, data=threshold).status_code == 200
    page = client.get(f"/calibration?campaign={SPRING}").text
    assert "Compare the automatic checks with reviews and adjust the pass threshold." in page
    assert "Of the clips that pass, people approved 100% (precision; 95% interval " in page
    assert "Of the clips that people approved, 100% pass (recall; 95% interval " in page
