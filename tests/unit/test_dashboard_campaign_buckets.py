"""Which campaign a shared clip belongs to, and from which bucket it is deleted when it is withdrawn."""

from dataclasses import replace
from pathlib import Path

import pytest
import samples
from dashboard_client import SAME_SITE, client_of, session_in

from app.dashboard.campaign_buckets import campaign_of
from app.session import Session
from flows.registration import KEPT
from tasks.deliver.keys import keys_of

OTHER = samples.campaign("Zeta")
OWN = samples.campaign().campaign_id


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Two campaigns with separate buckets share the published clip; the second one published it."""
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    session = session_in(tmp_path / "home")
    for campaign, bucket in ((samples.campaign(), "first"), (OTHER, "second")):
        settings = {name: getattr(session.settings, name) for name in KEPT} | {"bucket": str(tmp_path / bucket)}
        session.catalogue.campaigns.add(campaign, settings)
    session.catalogue.campaigns.add_variants(OTHER.campaign_id, samples.planned(3))
    return session


def published(session: Session):
    return next(row for row in session.catalogue.variants.of_campaign(OWN) if row.state == "published")


def of_other(row):
    keys = keys_of(OTHER.campaign_id, "b1", row.variant_id, row.signed.sha256)
    names = {"key": keys.clip, "sidecar_key": keys.sidecar, "poster_key": keys.poster, "record_key": keys.record}
    return replace(row, signed=replace(row.signed, **names))


def test_a_clip_belongs_to_the_campaign_that_published_it_unless_another_is_requested(session: Session):
    deps, row = client_of(session).app.state.deps, of_other(published(session))
    assert campaign_of(deps, row) == OTHER.campaign_id
    assert campaign_of(deps, row, OWN) == OWN
    assert campaign_of(deps, row, "neither") == OTHER.campaign_id
    assert campaign_of(deps, replace(row, signed=None)) == OWN


def test_a_withdrawn_clip_is_deleted_from_the_bucket_that_has_it(session: Session, tmp_path: Path, monkeypatch):
    # The keys are changed below without a signing, so they cannot be proven.
    monkeypatch.setattr(session.catalogue.removal_proofs, "problem", lambda variant_id: "")
    row = of_other(published(session))
    with session.catalogue.database.writing() as connection:
        from adapters.catalogue.core.rows import record_text
        from adapters.catalogue.core.tables import variants

        connection.execute(
            variants.update().where(variants.c.variant_id == row.variant_id).values(signed=record_text(row.signed))
        )
    for bucket in ("first", "second"):
        file = tmp_path / bucket / row.signed.key
        file.parent.mkdir(parents=True)
        file.write_bytes(b"clip")
    seen = session.catalogue.variants.last_events([row.variant_id])[row.variant_id]
    client_of(session, "reviewer").post(
        "/decide",
        headers=SAME_SITE,
        data={"outcome": "withdrawn", "reason": "rights", "seen": f"{row.variant_id}:{seen}"},
    )
    assert session.catalogue.variants.get(row.variant_id).url is None
    assert not (tmp_path / "second" / row.signed.key).exists()
    assert (tmp_path / "first" / row.signed.key).exists()
