"""Pause, cancel, reopen and set the priority on a page: permissions, effects and the audit trail."""

from dataclasses import replace

import pytest
import samples
from dashboard_client import SAME_SITE, client_of, session_in

from app.dashboard.background import deliveries
from app.dashboard.background.campaign_stats import stats_of
from app.dashboard.deps import Deps

SPRING = samples.campaign().campaign_id


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return session_in(tmp_path / "home")


@pytest.fixture
def resumed(monkeypatch) -> list[str]:
    """The campaigns that pages resume in the background; these tests do not run them."""
    started: list[str] = []
    monkeypatch.setattr("app.dashboard.background.jobs.Jobs.resume", lambda _, campaign_id: started.append(campaign_id))
    return started


def press(client, button: str, **fields: str):
    return client.post(f"/campaigns/{SPRING}/{button}", headers=SAME_SITE, data=fields)


def test_a_reviewer_pauses_and_resumes(session, resumed):
    session.catalogue.campaigns.add_variants(SPRING, samples.planned(1, start=7))
    client = client_of(session, "reviewer")
    page = client.get(f"/campaigns/{SPRING}").text
    assert ">Pause campaign<" in page
    assert ">Continue generating<" in page
    assert ">Resume campaign<" not in page
    assert press(client, "pause", reason=" too dark ").status_code == 303
    assert session.catalogue.campaigns.get(SPRING).stood == {"actor": "person:reviewer", "reason": "too dark"}
    shown = client.get(f"/campaigns/{SPRING}/status").text
    assert "<strong>paused</strong> by reviewer: too dark" in shown
    assert "paused" in client.get(f"/campaigns/{SPRING}/row").text
    page = client.get(f"/campaigns/{SPRING}").text
    assert "/pause" not in page
    assert ">Resume campaign<" in page
    assert ">Continue generating<" not in page
    assert press(client, "work", what="resume").status_code == 303
    assert (session.catalogue.steering.standing(SPRING), resumed) == ("active", [SPRING])
    told = [(entry.actor, entry.action) for entry in session.catalogue.audit.entries() if entry.subject == SPRING]
    assert told[:3] == [("person:reviewer", "work"), ("person:reviewer", "active"), ("person:reviewer", "paused")]


def test_a_finished_campaign_offers_neither_to_generate_nor_to_pause(session):
    client = client_of(session, "reviewer")
    page = client.get(f"/campaigns/{SPRING}").text
    assert ">Continue generating<" not in page
    assert ">Pause campaign<" not in page
    assert ">Retry failed clips<" in page
    assert ">Review passed clips<" in page
    session.catalogue.steering.steer(SPRING, "paused", "person:reviewer")
    assert ">Resume campaign<" in client.get(f"/campaigns/{SPRING}").text


def test_a_campaign_offers_only_what_it_has_clips_for(session, monkeypatch):
    stats = stats_of(session.catalogue, session.prices, session.catalogue.campaigns.get(SPRING))
    monkeypatch.setattr("app.dashboard.routes.campaigns._stats", lambda *_: replace(stats, states={"published": 3}))
    page = client_of(session, "reviewer").get(f"/campaigns/{SPRING}").text
    assert ">Review passed clips<" not in page
    assert ">Retry failed clips<" not in page
    assert ">All clips<" in page


def test_only_an_admin_can_cancel_reopen_and_set_the_priority(session, resumed):
    reviewer, admin = client_of(session, "reviewer"), client_of(session, "admin")
    for button in ("cancel", "reopen", "priority"):
        assert press(reviewer, button, number="5").status_code == 403
        assert f"/{button}" not in reviewer.get(f"/campaigns/{SPRING}").text
    assert (session.catalogue.steering.standing(SPRING), session.catalogue.campaigns.get(SPRING).priority) == (
        "active",
        0,
    )
    assert press(admin, "priority", number="7").status_code == 303
    assert "Priority 7" in reviewer.get(f"/campaigns/{SPRING}").text
    assert "priority 7" in reviewer.get(f"/campaigns/{SPRING}/row").text
    assert press(admin, "cancel", reason="wrong brand").status_code == 303
    assert "<strong>cancelled</strong> by admin: wrong brand" in admin.get(f"/campaigns/{SPRING}/status").text
    assert 'value="resume"' not in reviewer.get(f"/campaigns/{SPRING}").text
    answer = press(reviewer, "work", what="resume")
    assert answer.status_code == 400
    assert "is cancelled. Reopen it" in answer.text
    assert press(reviewer, "pause").status_code == 400
    assert (session.catalogue.steering.standing(SPRING), resumed) == ("cancelled", [])
    assert press(admin, "reopen").status_code == 303
    assert (session.catalogue.steering.standing(SPRING), resumed) == ("active", [SPRING])


@pytest.mark.parametrize("number", ["", "many", "101", "-101", "1.5"])
def test_an_invalid_priority_is_refused(session, number: str):
    answer = press(client_of(session, "admin"), "priority", number=number)
    assert answer.status_code == 400
    assert "is invalid. Enter a whole number from -100 to 100" in answer.text
    assert session.catalogue.campaigns.get(SPRING).priority == 0


def test_a_reason_is_escaped(session):
    client = client_of(session, "admin")
    press(client, "cancel", reason="<script>alert(1)</script>")
    assert "<script>alert" not in client.get(f"/campaigns/{SPRING}/status").text


def test_an_unknown_campaign_is_reported(session):
    answer = client_of(session, "admin").post("/campaigns/none/pause", headers=SAME_SITE)
    assert answer.status_code in (400, 404)
    assert "No campaign in the catalogue is called" in answer.text


def test_a_form_of_another_site_cannot_steer_a_campaign(session):
    client = client_of(session, "admin")
    for button in ("pause", "cancel", "priority", "reopen"):
        answer = client.post(f"/campaigns/{SPRING}/{button}", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
    assert session.catalogue.steering.standing(SPRING) == "active"


def test_the_api_returns_status_and_priority(session):
    session.catalogue.steering.steer(SPRING, "paused", "person:ann")
    session.catalogue.steering.set_priority(SPRING, 3, "person:ann")
    (row,) = client_of(session, "viewer").get("/api/campaigns").json()
    assert (row["standing"], row["priority"]) == ("paused", 3)


def test_follow_up_work_does_not_end_a_pause(session, monkeypatch):
    """Regenerating a clip starts work automatically, but only a person can end a pause."""
    words: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        "app.dashboard.background.jobs.Jobs._start", lambda _, campaign_id, what, *rest: words.append(rest)
    )
    Deps(session).jobs.resume(SPRING)
    assert words == [("resume", "--if-active", "--", SPRING)]


def test_approved_clips_are_not_delivered_while_their_campaign_is_paused(session, monkeypatch):
    delivered: list[str] = []
    monkeypatch.setattr(deliveries, "deliver", lambda _, campaign_id, *rest, **more: delivered.append(campaign_id))
    beside = Deps(session).deliveries
    session.catalogue.steering.steer(SPRING, "paused", "person:ann")
    beside._deliver(SPRING)
    assert delivered == []
    session.catalogue.steering.steer(SPRING, "active", "person:ann")
    beside._deliver(SPRING)
    assert (delivered, beside.problems) == ([SPRING], {})
