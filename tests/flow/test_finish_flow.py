"""A campaign whose clips are finished: deliverables are made beside rendering, and a run ends with the last one."""

from pathlib import Path

import pytest
import stand_in_maker
from decisions import decide

from adapters.media.video import probe
from app.dashboard.background.deliveries import Deliveries
from app.report.report import report_of
from app.session import Session
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import CatalogueError, CredentialError, FinishError
from tasks.deliver.finished import finish_deliverables as step
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")
ROWS = 'brief_id,prompt,placements,finish,cta,locale\nball,a red ball,16:9,{finish},"Buy | Kaufen","en | de"\n'


@pytest.fixture
def launch(tmp_path: Path) -> Path:
    path = tmp_path / "launch.csv"
    path.write_text(ROWS.format(finish="clean"))
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make and sign with the stand-ins."""
    defaults = step.finish_deliverables.__kwdefaults__
    monkeypatch.setitem(defaults, "make", stand_in_maker.make)
    monkeypatch.setitem(defaults, "sign", stand_in_maker.sign)


def run(sheet: Path | None = None, **parameters) -> str:
    from flows.campaign import campaign

    return campaign(sheet=str(sheet or ""), **parameters)


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def made(campaign_id: str) -> dict[str, int]:
    return catalogue().deliverables.counts(campaign_id)


def crfs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the quality of each encoded master."""
    from tasks.render import postprocess

    used, encode = [], postprocess.encode
    monkeypatch.setattr(postprocess, "encode", lambda *given: used.append(given[3]) or encode(*given))
    return used


def test_a_run_ends_with_its_deliverables(home, launch, fake_models, quick, monkeypatch):
    used = crfs(monkeypatch)
    campaign_id = run(launch)
    assert made(campaign_id) == {"published": 2}
    assert used == [18]
    report = report_of(catalogue(), campaign_id)
    assert (report.deliverables_text, report.deliverables_left) == ("2 published", 0)
    rows = catalogue().deliverables.of_campaign(campaign_id)
    assert {(row.locale, dict(row.spec.texts)["cta"]) for row in rows} == {("en", "Buy"), ("de", "Kaufen")}
    before = sorted(path for path in (home / "bucket").rglob("*") if path.is_file())
    assert len(before) == 4 + 2 * 5
    run(campaign_id=campaign_id)
    assert sorted(path for path in (home / "bucket").rglob("*") if path.is_file()) == before


def test_a_campaign_without_finishing_is_as_before(home, launch, fake_models, monkeypatch):
    launch.write_text(ROWS.format(finish="none"))
    used = crfs(monkeypatch)
    campaign_id = run(launch)
    assert made(campaign_id) == {}
    assert used == [23]
    assert "finishing" not in catalogue().campaigns.get(campaign_id).settings
    assert sorted(path.suffix for path in (home / "bucket").rglob("*") if path.is_file()) == [
        ".c2pa",
        ".jpg",
        ".json",
        ".mp4",
    ]


def test_a_run_that_fails_while_finishing_can_be_resumed(home, launch, fake_models, quick, monkeypatch):
    def broken(*_):
        raise CredentialError("The signer is away.")

    with monkeypatch.context() as patch:
        patch.setitem(step.finish_deliverables.__kwdefaults__, "sign", broken)
        with pytest.raises(CredentialError, match="away"):
            run(launch)
    [row] = catalogue().campaigns.all()
    states = made(row.campaign_id)
    assert states.get("published", 0) == 0
    assert states["finished"] >= 1
    assert catalogue().runs.all(row.campaign_id)[0].outcome == "failed"
    run(campaign_id=row.campaign_id)
    assert made(row.campaign_id) == {"published": 2}
    assert catalogue().runs.all(row.campaign_id)[0].outcome == "finished"


def test_a_pause_leaves_deliverables_for_the_next_run(home, launch, fake_models, quick, monkeypatch):
    def paused_first(spec, *rest):
        catalogue().steering.steer(spec.campaign_id, "paused", "person:ann")
        return stand_in_maker.make(spec, *rest)

    monkeypatch.setattr("tasks.finish.makers.MOST", 1)
    with monkeypatch.context() as patch:
        patch.setitem(step.finish_deliverables.__kwdefaults__, "make", paused_first)
        patch.setattr("tasks.finish.makers.Makers.room", property(lambda own: 1 - len(own.leases)))
        campaign_id = run(launch)
    assert made(campaign_id) == {"planned": 1, "published": 1}
    assert catalogue().runs.all(campaign_id)[0].outcome == "paused"
    run(campaign_id=campaign_id, action="resume")
    assert made(campaign_id) == {"published": 2}


def test_clips_that_are_approved_in_the_dashboard_are_finished_there(home, launch, fake_models, quick):
    campaign_id = run(launch, settings={"review": "required"})
    assert made(campaign_id) == {}
    [row] = catalogue().variants.of_campaign(campaign_id)
    decide(catalogue(), [row.variant_id], "approved", "person:ann")
    deliveries = Deliveries(Session.open())
    deliveries._deliver(campaign_id)
    assert deliveries.problems == {}
    assert made(campaign_id) == {"published": 2}


def test_the_texts_of_the_sheet_can_change_only_with_the_sheet(home, launch, fake_models, quick):
    campaign_id = run(launch, settings={"review": "required"})
    [row] = catalogue().variants.of_campaign(campaign_id)
    decide(catalogue(), [row.variant_id], "approved", "person:ann")
    with catalogue().database.writing() as connection:
        connection.exec_driver_sql("UPDATE briefs SET body = replace(body, 'Kaufen', 'Geschenkt')")
    with pytest.raises(CatalogueError, match="was changed in the catalogue outside Reelmill"):
        run(campaign_id=campaign_id)
    assert made(campaign_id) == {}
    run(launch)
    assert made(campaign_id) == {"published": 2}


def test_another_template_replaces_what_was_not_published(home, launch, fake_models, quick, monkeypatch):
    def broken(spec, *_):
        raise FinishError("The text does not fit.")

    with monkeypatch.context() as patch:
        patch.setitem(step.finish_deliverables.__kwdefaults__, "make", broken)
        campaign_id = run(launch)
    assert made(campaign_id) == {"failed": 2}
    (home.parent / "brand.yaml").write_text("name: Acme\ncolours: {primary: '#112233'}\n")
    assert run(launch) == campaign_id
    assert made(campaign_id) == {"published": 2, "withdrawn": 2}


@pytest.mark.slow
def test_real_deliverables_are_made_and_signed(home, launch, fake_models):
    campaign_id = run(launch)
    assert made(campaign_id) == {"published": 2}
    for row in catalogue().deliverables.of_campaign(campaign_id):
        facts = probe(home / "bucket" / row.signed.key)
        assert (facts.width, facts.height) == (row.file.width, row.file.height)
        assert row.file.edits
