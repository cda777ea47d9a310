"""A share link shows approved clips of its campaign, whatever someone with write access to the database adds to it."""

from pathlib import Path

import pytest
import samples
from dashboard_client import BASE
from dashboard_server import session_with_clips
from sealed_catalogue import execute, insert_event
from starlette.testclient import TestClient

from app.dashboard.server import create_app
from app.session import Session

SPRING, AUTUMN = (samples.campaign(name).campaign_id for name in ("Spring", "Autumn"))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalogue_url: str) -> Session:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return session_with_clips(tmp_path / "home", catalogue_url)


class Link:
    """A share link of the campaign Autumn, as a visitor opens it."""

    def __init__(self, session: Session) -> None:
        self._client = TestClient(create_app(session), base_url=BASE, follow_redirects=False)
        self._path = f"/share/{session.catalogue.share_links.add(AUTUMN, 'person:admin', 600)}"

    def shows(self, variant_id: str) -> bool:
        """Return whether the link shows a clip: on its page, or as a file."""
        files = [self._client.get(f"{self._path}/media/{variant_id}/{kind}") for kind in ("clip", "poster")]
        return variant_id in self._client.get(self._path).text or any(file.status_code != 404 for file in files)


def test_a_share_link_does_not_show_clips_that_the_database_adds(session: Session):
    catalogue = session.catalogue
    other = next(row.variant_id for row in catalogue.variants.of_campaign(SPRING, ["published"]))
    assert not Link(session).shows(other)
    execute(
        catalogue,
        "INSERT INTO memberships (campaign_id, brief_id, variant_id, placement, ordinal, labels, locale) "
        "SELECT mine.campaign_id, mine.brief_id, other.variant_id, other.placement, 9999, other.labels, other.locale "
        "FROM memberships AS mine, memberships AS other WHERE mine.campaign_id = :autumn AND mine.ordinal = 0 "
        "AND other.campaign_id = :spring AND other.variant_id = :other",
        autumn=AUTUMN,
        spring=SPRING,
        other=other,
    )
    assert other in {member.variant_id for member in catalogue.campaigns.memberships(AUTUMN)}
    assert not Link(session).shows(other)


@pytest.mark.parametrize("has_event", [False, True])
def test_a_share_link_does_not_show_clips_that_the_database_approves(session: Session, has_event: bool):
    catalogue = session.catalogue
    own = next(row.variant_id for row in catalogue.variants.of_campaign(AUTUMN, ["passed"]))
    if has_event:
        insert_event(catalogue, own, "person:admin", "passed", "approved")
    else:
        execute(catalogue, "UPDATE variants SET state = 'approved' WHERE variant_id = :own", own=own)
    assert not Link(session).shows(own)


def test_a_share_link_shows_clips_that_people_approve(session: Session):
    catalogue = session.catalogue
    own = next(row.variant_id for row in catalogue.variants.of_campaign(AUTUMN, ["passed"]))
    assert not Link(session).shows(own)
    catalogue.decisions.approve([own])
    assert Link(session).shows(own)
