"""The JSON API: list clips, return details, record decisions."""

from pathlib import Path

import pytest
import samples
from dashboard_client import client_of, session_in
from openapi_spec_validator import validate

from app.session import Session
from manifests.brief import Brief
from manifests.campaign import Campaign

CAMPAIGN = samples.campaign().campaign_id


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return session_in(tmp_path / "home")


@pytest.fixture
def call(session: Session):
    token = session.catalogue.tokens.add("reviewer", "test", 600, "test")
    client = client_of(session)

    def called(method: str, path: str, **options):
        return client.request(method, f"/api{path}", headers={"Authorization": f"Bearer {token}"}, **options)

    return called


def test_clips_are_listed_by_filter_page_by_page(call):
    first = call("GET", "/clips?limit=2&order=newest").json()
    assert len(first["clips"]) == 2
    second = call("GET", "/clips", params={"limit": 2, "order": "newest", "after": first["after"]}).json()
    assert len(second["clips"]) == 1
    assert second["after"] is None
    [clip] = call("GET", "/clips?state=published").json()["clips"]
    assert clip["state"] == "published"
    assert clip["duration_s"] == 2.0
    wrong = call("GET", "/clips?lowest=much")
    assert wrong.status_code == 422
    assert wrong.json()["error"].startswith("Invalid value for lowest: ")
    assert call("GET", "/clips?limit=9999").status_code == 422


def test_a_clip_is_returned_with_all_details(call):
    [clip] = call("GET", "/clips?state=failed").json()["clips"]
    whole = call("GET", f"/clips/{clip['variant_id']}").json()
    assert whole["reasons"] == ["the clip is black"]
    assert whole["campaigns"] == [{"campaign_id": CAMPAIGN, "brief_id": "b1", "placement": "tiktok 9:16", "locale": ""}]
    assert whole["generation"]["num_inference_steps"] == 20
    assert call("GET", f"/clips/{clip['variant_id']}/credential").json()["state"] == "absent"
    assert call("GET", "/clips/" + "0" * 32).status_code == 404
    assert call("GET", "/campaigns").json()[0]["states"] == {"failed": 1, "passed": 1, "published": 1}


def test_the_columns_of_the_sheet_are_returned_and_searched(call, session: Session):
    with_metadata(session)
    [clip] = call("GET", "/clips", params={"details": "acme müller"}).json()["clips"]
    assert clip["metadata"] == {
        "locale": ["de", "fr"],
        "cta": ["Jetzt kaufen"],
        "notes": ["für Müller"],
        "Client": ["ACME"],
    }
    assert call("GET", f"/clips/{clip['variant_id']}").json()["metadata"] == clip["metadata"]
    assert [each["variant_id"] for each in call("GET", "/clips?locale=fr").json()["clips"]] == [clip["variant_id"]]
    assert call("GET", "/clips?details=ACM&locale=it").json()["clips"] == []


def test_the_page_of_a_clip_shows_the_columns_of_the_sheet(session: Session):
    key = with_metadata(session)
    client = client_of(session, "viewer")
    text = client.get(f"/clips/{key}").text
    for part in ("<dt>locale</dt><dd>de, fr</dd>", "<dt>Client</dt><dd>ACME</dd>", "<dd>für Müller</dd>"):
        assert part in text
    assert "From the sheet" not in client.get(f"/clips/{samples.planned(1)[0].variant_id}").text
    found = client.get("/gallery", params={"details": "ACME"}).text
    assert key in found
    assert "sheet columns contain ACME" in found


def with_metadata(session: Session) -> str:
    """Add a campaign with one clip and metadata; return the clip's id."""
    [item] = samples.planned(1, start=50)
    brief = Brief(
        2,
        "b1",
        ("x",),
        locales=("de", "fr"),
        ctas=("Jetzt kaufen",),
        notes="für Müller",
        metadata={"Client": ("ACME",)},
    )
    campaign = Campaign("Metadata", "d" * 64, (brief,))
    session.catalogue.campaigns.add(campaign, {})
    session.catalogue.campaigns.add_variants(campaign.campaign_id, [item._replace(labels=())])
    return item.variant_id


def test_stale_decisions_are_refused_and_decisions_can_be_undone(call, session: Session):
    [clip] = call("GET", "/clips?state=passed").json()["clips"]
    body = {"outcome": "rejected", "seen": {clip["variant_id"]: clip["seen"]}, "codes": ["brand"]}
    assert call("POST", "/clips/decisions", json=body).json() == {"moved": [clip["variant_id"]], "refused": {}}
    stale = call("POST", "/clips/decisions", json=body).json()
    assert stale["moved"] == []
    assert "This clip has changed" in stale["refused"][clip["variant_id"]]
    assert call("POST", "/clips/undo", json={"ids": [clip["variant_id"]]}).json()["moved"] == [clip["variant_id"]]
    assert session.catalogue.reviews.all()[-1].author == "person:reviewer"
    said = call("POST", f"/clips/{clip['variant_id']}/comments", json={"body": "hm", "clip_s": 0.5})
    assert said.status_code == 201
    assert said.json()[0]["body"] == "hm"


@pytest.mark.parametrize(
    "body",
    [{"outcome": "loved", "seen": {"a": 1}}, {"outcome": "approved", "seen": {}}, {"outcome": "approved"}, [], "x"],
)
def test_an_invalid_body_gives_a_json_error(call, body):
    answer = call("POST", "/clips/decisions", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("Invalid value for ")


def test_the_openapi_description_is_valid_and_names_the_authentication(call):
    described = call("GET", "/openapi.json").json()
    validate(described)
    assert described["security"] == [{"token": []}]
    assert set(described["paths"]) >= {"/api/clips", "/api/clips/decisions", "/api/clips/{variant_id}/file/{kind}"}
    page = call("GET", "/docs").text
    assert "POST /api/clips/decisions" in page
    assert "<script>" not in page
