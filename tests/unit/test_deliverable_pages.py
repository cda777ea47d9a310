"""Deliverables in the API, on the page of a clip, in the metrics and in the status."""

from pathlib import Path

import deliverable_samples as ours
import pytest
from dashboard_client import client_of, session_in

from app.cli.progress import Progress
from app.session import Session
from tasks.runtime.campaign_status import status_of


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session over a catalogue whose published clip has a published and a failed deliverable."""
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    session = session_in(tmp_path / "home")
    catalogue = session.catalogue
    [variant_id] = [row.variant_id for row in catalogue.variants.of_campaign(ours.CAMPAIGN) if row.state == "published"]
    first, second = catalogue.deliverables.add([ours.spec(variant_id, "de"), ours.spec(variant_id, "ar")])
    ours.bring_to(catalogue, first, "published")
    ours.bring_to(catalogue, second, "failed")
    return session


def variant_of(session: Session) -> str:
    return session.catalogue.deliverables.of_campaign(ours.CAMPAIGN)[0].variant_id


def test_the_api_lists_deliverables_of_a_campaign_and_of_a_clip(session: Session):
    token = session.catalogue.tokens.add("viewer", "test", 600, "test")
    client, headers = client_of(session), {"Authorization": f"Bearer {token}"}
    found = client.get(f"/api/deliverables?campaign={ours.CAMPAIGN}", headers=headers).json()
    assert {(each["locale"], each["state"]) for each in found} == {("de", "published"), ("ar", "failed")}
    [done] = [each for each in found if each["state"] == "published"]
    assert (done["cta"], done["width"], done["height"], done["duration_s"]) == ("Buy", 72, 128, 2.0)
    assert done["key"].endswith(".mp4")
    assert done["captions"] == [done["key"].replace(".mp4", ".srt")]
    assert client.get(f"/api/clips/{variant_of(session)}/deliverables", headers=headers).json() == found
    assert client.get("/api/deliverables?campaign=unknown", headers=headers).json() == []
    assert client.get(f"/api/clips/{'0' * 32}/deliverables", headers=headers).status_code == 404


def test_the_page_of_a_clip_lists_its_deliverables(session: Session):
    page = client_of(session, "viewer").get(f"/clips/{variant_of(session)}").text
    assert "<h2>Deliverables</h2>" in page
    assert "tiktok 9:16, de: published as <code>spring/" in page
    assert "tiktok 9:16, ar: failed (The logo cannot be read.)" in page
    others = [row.variant_id for row in session.catalogue.variants.of_campaign(ours.CAMPAIGN)]
    other = next(each for each in others if each != variant_of(session))
    assert "Deliverables" not in client_of(session, "viewer").get(f"/clips/{other}").text


def test_metrics_and_status_count_deliverables(session: Session):
    text = client_of(session, "viewer").get("/metrics").text
    assert 'reelmill_deliverables{state="published"} 1.0' in text
    assert 'reelmill_deliverables{state="failed"} 1.0' in text
    progress = Progress(session.catalogue, ours.CAMPAIGN)
    progress.begin()
    assert ", 1 published, 1/2 deliverables, " in progress.line()
    run_id = session.catalogue.runs.begin(ours.CAMPAIGN, "pool", "me")
    session.catalogue.runs.end(run_id, "finished")
    message = status_of(session.catalogue, ours.CAMPAIGN).message
    assert "1 deliverable is published. 1 deliverable failed." in message
