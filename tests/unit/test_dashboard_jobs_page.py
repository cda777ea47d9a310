"""The page of provider jobs: decisions, paused accounts, money, permissions and audit entries."""

import json

import pytest
from dashboard_client import SAME_SITE, client_of, session_in
from hosted_samples import card_folder
from provider_job_samples import job_in

from app.dashboard.routes import jobs as routes
from manifests.hosted.job import JobState
from tasks.runtime.resources import close_resources

KEY = "key-of-acme-0123456789"


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(card_folder(tmp_path / "cards", {}))]))
    monkeypatch.setenv("REELMILL_PROVIDER_ACME_KEY", KEY)
    close_resources()
    yield session_in(tmp_path / "home")
    close_resources()


def press(client, path: str, **fields: str):
    return client.post(path, headers=SAME_SITE, data=fields)


def actions(session) -> list[tuple[str, str, str]]:
    return [(each.actor, each.action, each.subject) for each in session.catalogue.audit.entries()]


def test_the_page_shows_jobs_accounts_and_money(session):
    job_in(session.catalogue, JobState.SUBMITTED, provider="acme", card="acme-video-1")
    uncertain = job_in(session.catalogue, JobState.UNCERTAIN, provider="acme", card="acme-video-1")
    session.catalogue.provider_accounts.pause("acme", "money", "<b>no credits</b>")
    shown = client_of(session, "reviewer").get("/jobs").text
    assert uncertain.job_id[:12] in shown
    assert "no answer" in shown
    assert "0.30 USD reserved" in shown
    assert "0.60 USD" in shown
    assert "&lt;b&gt;no credits&lt;/b&gt;" in shown
    assert "An admin decides." in shown
    assert "/adopt" not in shown
    assert "/resume" not in shown
    assert KEY not in shown
    assert 'href="/jobs"' in client_of(session, "reviewer").get("/campaigns").text
    assert 'href="/jobs"' not in client_of(session, "viewer").get("/campaigns").text


def test_an_admin_adopts_an_uncertain_job(session):
    job = job_in(session.catalogue, JobState.UNCERTAIN)
    admin = client_of(session, "admin")
    assert f"/jobs/{job.job_id}/adopt" in admin.get("/jobs").text
    assert press(admin, f"/jobs/{job.job_id}/adopt", reference=" ").status_code == 400
    assert press(admin, f"/jobs/{job.job_id}/adopt", reference="task-17").headers["location"] == "/jobs"
    found = session.catalogue.provider_jobs.get(job.job_id)
    assert (found.state, found.vendor_ref, found.closed_by) == ("submitted", "task-17", "")
    assert actions(session)[0] == ("person:admin", "provider job adopted", job.job_id)


def test_discarding_needs_a_tick(session):
    job = job_in(session.catalogue, JobState.UNCERTAIN)
    admin = client_of(session, "admin")
    refused = press(admin, f"/jobs/{job.job_id}/discard")
    assert (refused.status_code, "tick the box" in refused.text) == (400, True)
    assert session.catalogue.provider_jobs.get(job.job_id).state == "uncertain"
    assert press(admin, f"/jobs/{job.job_id}/discard", sure="1").status_code == 303
    assert session.catalogue.provider_jobs.get(job.job_id).state == "cancelled"
    assert actions(session)[0] == ("person:admin", "provider job discarded", job.job_id)


def test_a_lost_job_is_given_up_as_billed(session):
    job = job_in(session.catalogue, JobState.LOST)
    admin = client_of(session, "admin")
    assert "Close this job" in admin.get("/jobs").text
    assert press(admin, f"/jobs/{job.job_id}/discard", sure="1", billed="1").status_code == 303
    assert session.catalogue.provider_jobs.get(job.job_id).state == "lost"
    assert "No job needs a decision." in admin.get("/jobs").text


def test_an_overdue_job_is_cancelled_at_its_provider(session, monkeypatch):
    job = job_in(session.catalogue, JobState.SUBMITTED, provider="acme", card="acme-video-1")
    session.catalogue.provider_jobs.polled(job.job_id, "queued", due_after_s=-1)
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(routes, "cancel_at_provider", lambda _, job, actor: asked.append((job.job_id, actor)))
    admin = client_of(session, "admin")
    assert "Cancel at the provider" in admin.get("/jobs").text
    assert press(admin, f"/jobs/{job.job_id}/cancel").status_code == 303
    assert asked == [(job.job_id, "person:admin")]


def test_an_admin_resumes_a_paused_account(session):
    session.catalogue.provider_accounts.pause("acme", "money", "no credits")
    admin = client_of(session, "admin")
    assert ">Resume<" in admin.get("/jobs").text
    assert press(admin, "/providers/acme/resume").status_code == 303
    assert not session.catalogue.provider_accounts.get("acme").is_paused
    assert actions(session)[0] == ("person:admin", "provider account resumed", "acme")
    assert ">Resume<" not in admin.get("/jobs").text


def test_a_form_of_another_site_decides_nothing(session):
    job = job_in(session.catalogue, JobState.UNCERTAIN)
    admin = client_of(session, "admin")
    answer = admin.post(f"/jobs/{job.job_id}/discard", data={"sure": "1"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert session.catalogue.provider_jobs.get(job.job_id).state == "uncertain"
