"""The metrics page for Prometheus: its values, who can read it, and that it contains no secret."""

from pathlib import Path

import pytest
import samples
from dashboard_client import BASE, client_of, session_in
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.dashboard.routes import metrics
from app.dashboard.routes.metrics import staged_bytes, tracked_campaigns
from app.dashboard.server import create_app
from app.session import Session
from manifests.costs.device_use import UseKind

TOKEN = "metrics-token-0123456789"


def client_at(session: Session, host: str, headers: dict[str, str] | None = None, base: str = BASE) -> TestClient:
    return TestClient(create_app(session), base_url=base, client=(host, 40000), headers=headers)


def numbers_of(text: str) -> dict[tuple, float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


USED = ((UseKind.LOAD, 2.5), (UseKind.GENERATE, 10.0))


def test_the_metrics_match_the_catalogue(tmp_path):
    session = session_in(tmp_path / "home", alert_webhook="https://hooks.example/x")
    catalogue, campaign_id = session.catalogue, samples.campaign().campaign_id
    run_id = catalogue.runs.begin(campaign_id, "threads:here", "owner")
    uses = [samples.device_use(campaign_id, run_id, kind, seconds) for kind, seconds in USED]
    catalogue.device_use.book(uses, {run_id: 2})
    catalogue.alerts.add("a", "sweep", "text")
    catalogue.alerts.add("b", "sweep", "text")
    catalogue.alerts.mark_failed(catalogue.alerts.all(1)[0], "no", permanent=True)
    catalogue.campaigns.add_variants(campaign_id, samples.planned(1, start=50))
    [planned] = [row.variant_id for row in catalogue.variants.of_campaign(campaign_id, ["planned"])]
    samples.take(catalogue, [planned])
    (session.resources.staging / "a").mkdir(parents=True)
    (session.resources.staging / "a" / "master.mp4").write_bytes(b"x" * 1000)
    answer = client_at(session, "127.0.0.1").get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = numbers_of(answer.text)
    assert found["reelmill_campaign_clips", ("campaign", campaign_id), ("state", "failed")] == 1
    assert found["reelmill_clips", ("state", "published")] == 1
    assert found["reelmill_clips", ("state", "leased")] == 1
    assert found["reelmill_campaigns", ("standing", "active")] == 1
    assert found["reelmill_runs_live", ("pool", "threads:here")] == 1
    assert found["reelmill_runs", ("outcome", "working")] == 1
    assert found["reelmill_device_seconds_total",] == 12.5
    for kind, seconds in USED:
        assert found["reelmill_device_use_seconds_total", ("device", "cpu"), ("kind", kind)] == seconds
    assert found["reelmill_leases",] == 1
    assert found["reelmill_leases_expired",] == 0
    assert found["reelmill_alerts", ("state", "waiting")] == 1
    assert found["reelmill_alerts", ("state", "given_up")] == 1
    assert found["reelmill_alerts", ("state", "kept")] == 0
    assert found["reelmill_staged_bytes",] == 1000
    assert found["reelmill_lately", ("outcome", "published")] == 1


def test_without_a_webhook_no_alert_is_waiting(tmp_path):
    session = session_in(tmp_path / "home")
    session.catalogue.alerts.add("a", "sweep", "text")
    found = numbers_of(client_at(session, "127.0.0.1").get("/metrics").text)
    assert [found["reelmill_alerts", ("state", state)] for state in ("waiting", "given_up", "kept")] == [0, 0, 1]


@pytest.mark.parametrize(
    ("host", "settings", "headers", "status"),
    [
        ("127.0.0.1", {}, {}, 200),
        ("::1", {}, {}, 200),
        ("10.0.0.7", {}, {}, 401),
        ("not-an-address", {}, {}, 401),
        ("127.0.0.1", {"metrics_token": TOKEN}, {}, 401),
        ("127.0.0.1", {"review_url": "https://review.example"}, {}, 401),
        ("10.0.0.7", {"metrics_token": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}, 200),
        (
            "127.0.0.1",
            {"metrics_token": TOKEN, "review_url": "https://review.example"},
            {"Authorization": f"bearer {TOKEN}"},
            200,
        ),
        ("10.0.0.7", {"metrics_token": TOKEN}, {"Authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ("10.0.0.7", {"metrics_token": TOKEN}, {"Authorization": "Bearer "}, 401),
        ("10.0.0.7", {"metrics_token": TOKEN}, {"Authorization": b"Bearer caf\xe9"}, 401),
        ("10.0.0.7", {}, {"Authorization": "Bearer "}, 401),
    ],
)
def test_access_to_the_metrics(tmp_path, host, settings, headers, status):
    session = session_in(tmp_path / "home", **settings)
    answer = client_at(session, host, base=settings.get("review_url", BASE)).get("/metrics", headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "REELMILL_METRICS_TOKEN" in answer.text
        assert "reelmill_clips" not in answer.text


def test_another_host_name_is_refused_even_from_loopback(tmp_path):
    answer = client_at(session_in(tmp_path / "home"), "127.0.0.1", base="http://evil.example").get("/metrics")
    assert answer.status_code == 400


def test_a_signed_in_person_can_read_the_metrics(tmp_path):
    session = session_in(tmp_path / "home", review_url="https://review.example")
    assert client_of(session, "viewer").get("/metrics").status_code == 200
    assert client_of(session).get("/metrics").status_code == 401


def test_the_number_of_series_is_limited_with_many_campaigns(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "MAX_CAMPAIGNS", 5)
    session = session_in(tmp_path / "home")
    catalogue, old = session.catalogue, samples.campaign().campaign_id
    for number in range(12):
        catalogue.campaigns.add(samples.campaign(f"More {number}"), {})
    assert old not in tracked_campaigns(catalogue)
    catalogue.runs.begin(old, "pool", "owner")
    assert tracked_campaigns(catalogue)[0] == old
    assert len(tracked_campaigns(catalogue)) == 5


def test_a_slow_scrape_omits_the_campaigns(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "SCRAPE_BUDGET_S", -1.0)
    text = client_at(session_in(tmp_path / "home"), "127.0.0.1").get("/metrics").text
    assert "reelmill_campaign_clips{" not in text
    assert 'reelmill_clips{state="published"}' in text


def test_the_metrics_contain_no_secret(tmp_path):
    session = session_in(
        tmp_path / "home",
        metrics_token=TOKEN,
        alert_webhook="https://hooks.example/in/canary-hook",
        bucket_secret_key="canary-bucket",
    )
    text = client_at(session, "10.0.0.7", {"Authorization": f"Bearer {TOKEN}"}).get("/metrics").text
    assert "canary" not in text
    assert TOKEN not in text


def test_staged_bytes_ignore_links_and_a_missing_folder(tmp_path: Path):
    assert staged_bytes(tmp_path / "none") == 0
    (tmp_path / "big").write_bytes(b"x" * 5000)
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "link").symlink_to(tmp_path / "big")
    assert staged_bytes(tmp_path / "staging") < 5000
