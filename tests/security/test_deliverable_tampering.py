"""Someone who can write to the database, but does not have the key, cannot get another deliverable signed."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import deliverable_samples as ours
import pytest
import samples
from databases import database
from decisions import decide
from sealed_catalogue import KEY, execute, execute_as_owner

from adapters.catalogue import AuditKey, Catalogue, open_catalogue
from manifests.campaign import Campaign
from manifests.errors import CatalogueError
from manifests.finish.brief_digest import FINISHED_BRIEFS, digests_of
from tasks.finish.planning import finished_briefs

[VARIANT] = [item.variant_id for item in samples.planned(1)]
MINE, OTHER, FORGED = (ours.spec(VARIANT, cta=cta) for cta in ("Buy", "Try", "Buy from Eve"))
ID = MINE.deliverable_id


def fill(catalogue: Catalogue) -> None:
    """Add a published clip with two deliverables: the first is finished, the other is planned."""
    ours.published(catalogue)
    catalogue.deliverables.add([MINE, OTHER])
    ours.bring_to(catalogue, MINE.deliverable_id, "finished")
    catalogue.deliverable_leases.release_owner("me")


@pytest.fixture(scope="module")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "catalogue.db"
    with open_catalogue(f"sqlite:///{path}", audit_key=KEY) as catalogue:
        fill(catalogue)
    return path


@pytest.fixture(scope="module")
def filled_database(postgres_server_url: str) -> Iterator[str]:
    with database(postgres_server_url) as url:
        with open_catalogue(url, audit_key=KEY) as catalogue:
            fill(catalogue)
        yield url.rpartition("/")[2]


@pytest.fixture
def sqlite_copy(filled_file: Path, tmp_path: Path) -> str:
    shutil.copy(filled_file, tmp_path / "catalogue.db")
    return f"sqlite:///{tmp_path / 'catalogue.db'}"


@pytest.fixture
def postgres_copy(postgres_server_url: str, filled_database: str) -> Iterator[str]:
    with database(postgres_server_url, filled_database) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(request: pytest.FixtureRequest) -> Iterator[Catalogue]:
    """A filled and sealed catalogue on each engine."""
    url = request.getfixturevalue("sqlite_copy" if request.param == "sqlite" else "postgres_copy")
    with open_catalogue(url, audit_key=KEY, was_sealed=True) as opened:
        yield opened


def problem(catalogue: Catalogue, deliverable_id: str = MINE.deliverable_id) -> str:
    """Return why a deliverable must not be signed."""
    [lease] = ours.lease(catalogue, [deliverable_id])
    return catalogue.deliverable_proofs.unproven([lease]).get(deliverable_id, "")


def other_text(catalogue: Catalogue) -> None:
    execute(
        catalogue, "UPDATE deliverables SET body = :body WHERE deliverable_id = :key", body=FORGED.to_json(), key=ID
    )


def other_file(catalogue: Catalogue) -> None:
    file = ours.finished_file().model_copy(update={"sha256": "e" * 64})
    execute(catalogue, "UPDATE deliverables SET file = :file WHERE deliverable_id = :key", file=file.to_json(), key=ID)


def other_edits(catalogue: Catalogue) -> None:
    file = ours.finished_file().model_copy(update={"notes": ("made by hand",)})
    execute(catalogue, "UPDATE deliverables SET file = :file WHERE deliverable_id = :key", file=file.to_json(), key=ID)


def other_placement(catalogue: Catalogue) -> None:
    execute(catalogue, "UPDATE deliverables SET placement = 'x 9:16' WHERE deliverable_id = :key", key=ID)


def state_without_event(catalogue: Catalogue) -> None:
    execute(catalogue, "UPDATE deliverables SET state = 'planned' WHERE deliverable_id = :key", key=ID)


def removed_event(catalogue: Catalogue) -> None:
    execute_as_owner(
        catalogue,
        "DROP TRIGGER IF EXISTS deliverable_events_append_only ON deliverable_events"
        if catalogue.database.dialect == "postgresql"
        else "SELECT 1",
        "DELETE FROM deliverable_events WHERE to_state = 'planned' AND deliverable_id = :key",
        key=ID,
    )


def other_clip(catalogue: Catalogue) -> None:
    execute(catalogue, "UPDATE variants SET clip = replace(clip, 'cccccccc', 'dddddddd')")


def other_signed_clip(catalogue: Catalogue) -> None:
    execute(catalogue, "UPDATE variants SET signed = replace(signed, '55555555', '66666666')")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (other_text, "its description was changed outside Reelmill"),
        (other_file, "the facts about its finished file were changed outside Reelmill"),
        (other_edits, "the facts about its finished file were changed outside Reelmill"),
        (other_placement, "its campaign, clip, brief, placement or locale was changed outside Reelmill"),
        (state_without_event, "its state was set to planned outside Reelmill; its last event is finished"),
        (removed_event, "does not follow the event before it"),
        (other_clip, "the approval of its clip"),
        (other_signed_clip, "the approval of its clip"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_change_is_found_before_it_is_signed(
    catalogue: Catalogue, change: Callable[[Catalogue], None], expected: str
):
    assert problem(catalogue) == ""
    catalogue.deliverable_leases.release_owner("me")
    assert catalogue.audit.verify().problems == ()
    change(catalogue)
    assert expected in problem(catalogue)
    assert catalogue.audit.verify().problems != ()


def test_an_inserted_deliverable_is_not_signed(catalogue: Catalogue):
    values = {"key": FORGED.deliverable_id, "body": FORGED.to_json()}
    execute(
        catalogue,
        "INSERT INTO deliverables (deliverable_id, campaign_id, variant_id, brief_id, placement, body, state) "
        f"SELECT :key, campaign_id, variant_id, brief_id, placement, :body, 'planned' FROM deliverables "
        f"WHERE deliverable_id = '{ID}'",
        "INSERT INTO deliverable_events (deliverable_id, at, actor, to_state, detail, seal) "
        "SELECT :key, at, actor, to_state, detail, seal FROM deliverable_events "
        f"WHERE to_state = 'planned' AND deliverable_id = '{ID}'",
        **values,
    )
    assert "was written or changed outside Reelmill" in problem(catalogue, FORGED.deliverable_id)
    assert any(FORGED.deliverable_id in each for each in catalogue.audit.verify().problems)


def test_a_published_deliverable_that_is_deleted_is_missed(catalogue: Catalogue):
    ours.bring_to(catalogue, OTHER.deliverable_id, "published")
    assert catalogue.audit.verify().problems == ()
    execute(catalogue, "UPDATE deliverables SET state = 'failed' WHERE deliverable_id = :key", key=OTHER.deliverable_id)
    problems = " ".join(catalogue.audit.verify().problems)
    assert f"The log says that deliverable {OTHER.deliverable_id} was published as" in problems


def test_files_of_a_forged_withdrawal_are_not_deleted(catalogue: Catalogue):
    ours.bring_to(catalogue, OTHER.deliverable_id, "published")
    execute(
        catalogue, "UPDATE deliverables SET state = 'withdrawn' WHERE deliverable_id = :key", key=OTHER.deliverable_id
    )
    assert catalogue.deliverable_proofs.removal_problem(OTHER.deliverable_id) == "no event withdraws it"


def test_files_of_a_withdrawn_clip_may_be_deleted_with_its_own_keys_only(catalogue: Catalogue):
    ours.bring_to(catalogue, OTHER.deliverable_id, "published")
    decide(catalogue, [VARIANT], "withdrawn", "person:ann", "expired rights")
    assert catalogue.deliverable_proofs.removal_problem(OTHER.deliverable_id) == ""
    execute(catalogue, "UPDATE deliverables SET signed = replace(signed, 'spring/', 'summer/')")
    assert "not those that were signed" in catalogue.deliverable_proofs.removal_problem(OTHER.deliverable_id)


def test_sealing_anew_covers_deliverables(catalogue: Catalogue):
    changed = "UPDATE deliverable_events SET seal = NULL"
    execute_as_owner(catalogue, changed)
    assert problem(catalogue) != ""
    catalogue.deliverable_leases.release_owner("me")
    catalogue.audit.seal(AuditKey(KEY), "person:ann")
    assert problem(catalogue) == ""


def test_a_changed_row_of_the_sheet_is_found_before_deliverables_are_planned(catalogue: Catalogue):
    base = samples.campaign("Autumn")
    briefs = tuple(replace(brief, finish="clean", ctas=("Buy",)) for brief in base.briefs)
    campaign = Campaign("Autumn", base.sheet_sha256, briefs)
    catalogue.campaigns.add(campaign, {FINISHED_BRIEFS: digests_of(briefs)})
    assert finished_briefs(catalogue, campaign.campaign_id) == list(briefs)
    execute(catalogue, "UPDATE briefs SET body = replace(body, '\"Buy\"', '\"Buy from Eve\"')")
    with pytest.raises(CatalogueError, match=r"Row 2 of the campaign .* was changed in the catalogue"):
        finished_briefs(catalogue, campaign.campaign_id)
    catalogue.campaigns.add(campaign, {FINISHED_BRIEFS: digests_of(briefs)})
    assert finished_briefs(catalogue, campaign.campaign_id) == list(briefs)
    settings = json.dumps({FINISHED_BRIEFS: {}})
    execute(
        catalogue,
        "UPDATE campaigns SET settings = :settings WHERE campaign_id = :key",
        settings=settings,
        key=campaign.campaign_id,
    )
    with pytest.raises(CatalogueError):
        finished_briefs(catalogue, campaign.campaign_id)
