"""The page of provider jobs: decisions, paused accounts, money, permissions and audit entries."""

import json

import pytest
from dashboard_client import SAME_SITE, client_of, session_in
from hosted_samples import card_folder
from provider_job_samples import job_in

from app.dashboard.routes import jobs as routes
from manifests.hosted.job import Cause, JobState, Refused
from tasks.runtime.logs.redaction import redact
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


def test_a_job_has_a_page_with_its_facts(session):
    job = job_in(session.catalogue, JobState.SUBMITTED, provider="acme", card="acme-video-1")
    signed = "https://files.acme.example/1.mp4?signature=s3cret"
    session.catalogue.provider_jobs.polled(job.job_id, "RUNNING")
    session.catalogue.provider_jobs.done(job.job_id, facts={"file_url": signed, "model_version": "1.4", "credits": 12})
    reviewer = client_of(session, "reviewer")
    assert f'href="/jobs/{job.job_id}"' in reviewer.get("/jobs").text
    shown = reviewer.get(f"/jobs/{job.job_id}").text
    variant = session.catalogue.variants.get(job.variant_id).variant
    for name, value in {
        "Job": job.job_id,
        "State": "done",
        "Cost": "0.30 USD (estimated)",
        "Expected cost": "0.30 USD",
        "Prompt": variant.prompt,
        "Seed": str(variant.seed),
        "Digest of the request": "d" * 64,
        "The provider&#39;s reference": job.vendor_ref,
        "The provider&#39;s status": "RUNNING",
        "The provider&#39;s model version": "1.4",
        "The provider&#39;s credits": "12",
    }.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in shown
    assert [name for name in ("Reserved", "Submitted", "Last polled", "Ended") if f"<dt>{name}</dt>" in shown] == [
        "Reserved",
        "Submitted",
        "Last polled",
        "Ended",
    ]
    assert f'href="/clips/{job.variant_id}"' in shown
    assert f'href="/campaigns/{job.campaign_id}"' in shown
    for secret in (signed, "s3cret", KEY, "https://api.example/"):
        assert secret not in shown


def test_the_page_of_a_failed_job_shows_the_answer_and_of_an_uncertain_one_what_to_do(session):
    job = job_in(session.catalogue, JobState.SUBMITTED, provider="acme", card="acme-video-1")
    redact.learn([KEY])  # as each process does when it reads the settings
    refusal = Refused(Cause.MODERATION, "SAFETY.INPUT", f"<i>a face</i> {KEY}")
    session.catalogue.provider_jobs.failed(job.job_id, refusal, is_billed=True)
    reviewer = client_of(session, "reviewer")
    shown = reviewer.get(f"/jobs/{job.job_id}").text
    assert "<dt>Cause</dt><dd>moderation, SAFETY.INPUT</dd>" in shown
    assert "&lt;i&gt;a face&lt;/i&gt;" in shown
    assert KEY not in shown
    uncertain = job_in(session.catalogue, JobState.UNCERTAIN, provider="acme", card="acme-video-1")
    advice = f"<code>reelmill jobs discard {uncertain.job_id[:12]}</code>"
    assert advice in reviewer.get(f"/jobs/{uncertain.job_id}").text
    unsent = job_in(session.catalogue, JobState.CANCELLED, provider="acme", card="acme-video-1")
    assert "<dt>Submitted</dt><dd>not sent</dd>" in reviewer.get(f"/jobs/{unsent.job_id}").text


def test_the_page_of_a_job_shows_decisions_and_is_for_reviewers(session):
    job = job_in(session.catalogue, JobState.UNCERTAIN)
    path = f"/jobs/{job.job_id}"
    assert "Nobody has made a decision about this job." in client_of(session, "reviewer").get(path).text
    press(client_of(session, "admin"), f"{path}/adopt", reference="task-17")
    shown = client_of(session, "reviewer").get(path).text
    assert "provider job adopted by admin (vendor_ref: task-17; was: uncertain)" in shown
    assert client_of(session, "viewer").get(path).status_code == 403
    assert client_of(session, "reviewer").get(f"/jobs/{'0' * 32}").status_code == 404


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


def test_an_admin_pauses_an_account(session):
    admin, reviewer = client_of(session, "admin"), client_of(session, "reviewer")
    assert 'action="/providers/acme/pause"' in admin.get("/jobs").text
    assert "/pause" not in reviewer.get("/jobs").text
    assert press(admin, "/providers/acme/pause", reason="wrong prompts").status_code == 303
    assert session.catalogue.provider_accounts.get("acme").paused_why == "wrong prompts"
    assert actions(session)[0] == ("person:admin", "provider account paused", "acme")
    assert "wrong prompts" in reviewer.get("/jobs").text
    assert press(admin, "/providers/acne/pause").status_code == 404


def test_only_accounts_in_use_have_a_row(session):
    job_in(session.catalogue, JobState.REFUSED, provider="luma", card="luma-ray-3.2")
    session.catalogue.provider_accounts.pause("kling", "person", "by me")
    shown = client_of(session, "admin").get("/jobs").text
    rows, others = shown.partition("Without an account: ")[::2]
    for name in ("acme", "kling", "luma"):
        assert f'<th scope="row">{name}</th>' in rows
        assert name not in others.partition("</p>")[0].split(". ")[0].split(", ")
    assert '<th scope="row">ark</th>' not in rows
    assert "ark" in others


def test_ended_jobs_are_listed_with_state_and_reason(session):
    refused = job_in(session.catalogue, JobState.REFUSED)
    lost = job_in(session.catalogue, JobState.LOST)
    busy = job_in(session.catalogue, JobState.SUBMITTED)
    shown = client_of(session, "reviewer").get("/jobs").text
    ended = shown[shown.index("<h2>Ended jobs</h2>") : shown.index("<h2>Provider accounts</h2>")]
    assert refused.job_id[:12] in ended
    assert "refused" in ended
    assert lost.job_id[:12] not in ended, "it needs a decision"
    assert busy.job_id[:12] not in ended
    session.catalogue.provider_jobs.discard(lost.job_id, "person:ann", is_billed=True)
    assert lost.job_id[:12] in client_of(session, "reviewer").get("/jobs").text.partition("Ended jobs")[2]


def test_a_form_of_another_site_decides_nothing(session):
    job = job_in(session.catalogue, JobState.UNCERTAIN)
    admin = client_of(session, "admin")
    answer = admin.post(f"/jobs/{job.job_id}/discard", data={"sure": "1"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert session.catalogue.provider_jobs.get(job.job_id).state == "uncertain"
