"""Nightly runs of stock footage with fake models; everything after generation is real."""

import sys
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cli_runner import reelmill
from dashboard_client import PASSWORD, client_of
from decisions import decide
from sqlalchemy import update

from adapters.catalogue.accounts.passwords import hash_password
from adapters.catalogue.core.tables import runs
from adapters.catalogue.work.campaigns import Campaigns
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import (
    CatalogueError,
    GenerationError,
    ReelmillError,
    RejectedSheetError,
    SettingsError,
    TooManyVariantsError,
)
from manifests.nightly.night import Night
from tasks.runtime.resources import catalogue_of

sys.path.append(str(Path(__file__).parents[1] / "faults"))

from audit import audit, collect

pytestmark = pytest.mark.usefixtures("prefect_server")

DAY_S = 86400.0
FIRST = 1795730400.0
"""2026-11-26 22:00 UTC."""
COMBINATIONS = 12


@pytest.fixture
def stock_sheet(tmp_path: Path) -> Path:
    path = tmp_path / "stock.csv"
    path.write_text(
        "theme,shot,prompt,tries,nightly\na red circle,drifting left|rotating,{theme} {shot},2,20\n"
        "a blue cube,zooming in,,,\npink waves,at rest,,,\n"
    )
    return path


def night(sheet: Path | str, starts: float | None = FIRST, **parameters):
    from flows.stock import stock

    return stock(sheet=str(sheet), starts=starts, **{"until": "", **parameters})


def catalogue():
    return catalogue_of(resources_of(load_settings()))


def made(generator, monkeypatch) -> list[str]:
    """Return a list that collects the id of every generated variant from now on."""
    seen: list[str] = []
    generate = generator.generate

    def watched(variants, *rest):
        for variant, result in zip(variants, generate(variants, *rest), strict=True):
            seen.append(variant.variant_id)
            yield result

    monkeypatch.setattr(generator, "generate", watched)
    return seen


def audited(home: Path) -> Counter[str]:
    """Return the number of variants in each state, after the audit of the fault tests found no problem."""
    files = {
        path.relative_to(home / "bucket").as_posix(): path.read_bytes()
        for path in (home / "bucket").rglob("*")
        if path.is_file() and path.parent.name != ".incoming"
    }
    evidence = collect(f"sqlite:///{home / 'catalogue.sqlite'}", files)
    states = {key: row.state for key, row in evidence.rows.items()}
    expected = {key: state if state in ("planned", "failed") else "published" for key, state in states.items()}
    assert audit(evidence, expected, (home / "signer" / "root.pem").read_text()).counts == {}
    return Counter(states.values())


def test_the_second_night_regenerates_nothing_of_the_first(home, stock_sheet, fake_models, monkeypatch):
    seen = made(fake_models, monkeypatch)
    first = night(stock_sheet)
    assert (first["chosen"], first["there"], first["done"], first["published"], first["ended"]) == (
        COMBINATIONS,
        0,
        COMBINATIONS,
        COMBINATIONS,
        "finished",
    )
    assert first["campaign_id"].startswith("2026-11-26-stock-")
    assert len(seen) == COMBINATIONS

    second = night(stock_sheet, FIRST + DAY_S)
    assert (second["chosen"], second["there"], second["ended"]) == (0, COMBINATIONS, "nothing to do")
    assert len(seen) == COMBINATIONS
    assert len(catalogue().campaigns.all()) == 1
    assert audited(home)["published"] == COMBINATIONS


def test_a_sheet_that_requests_more_gets_clips_with_other_seeds(home, stock_sheet, fake_models, monkeypatch):
    seen = made(fake_models, monkeypatch)
    text = stock_sheet.read_text().replace("nightly", "nightly,most").replace(",2,20", ",2,20,2")
    stock_sheet.write_text("\n".join(line for line in text.splitlines()) + "\n")
    for day in range(3):
        report = night(stock_sheet, FIRST + day * DAY_S)
    assert (report["there"], report["chosen"]) == (COMBINATIONS, 0)
    assert len(seen) == len(set(seen)) == 2 * COMBINATIONS


def test_clips_of_an_ordinary_campaign_count_as_existing(home, stock_sheet, fake_models, tmp_path):
    from flows.campaign import campaign

    ordinary = tmp_path / "spring.csv"
    ordinary.write_text("prompt,seed\na red circle drifting left,12345\npink waves drifting left,99\n")
    campaign(sheet=str(ordinary))
    report = night(stock_sheet)
    assert (report["there"], report["chosen"], report["published"]) == (2, COMBINATIONS - 2, COMBINATIONS - 2)


@pytest.mark.parametrize(("state", "there"), [("withdrawn", 1), ("rejected", 0), ("quarantined", 0)])
def test_withdrawn_footage_is_not_regenerated_and_rejected_footage_gets_other_seeds(
    home, stock_sheet, fake_models, monkeypatch, state, there
):
    first = night(stock_sheet, settings={"review": "required"})
    passed = catalogue().variants.of_campaign(first["campaign_id"], ["passed"])[0].variant_id
    if state == "withdrawn":
        night(stock_sheet)
        decide(catalogue(), [passed], "withdrawn", "ann", "rights have ended")
    elif state == "rejected":
        decide(catalogue(), [passed], "rejected", "ann", "dull")
    else:
        catalogue().decisions.quarantine([passed], "it kills its worker")
    seen = made(fake_models, monkeypatch)
    second = night(stock_sheet, FIRST + DAY_S)
    assert (second["chosen"], second["there"]) == (1 - there, COMBINATIONS - 1 + there)
    assert len(seen) == 1 - there
    assert passed not in seen


def test_a_combination_that_always_fails_is_given_up_after_four_nights(home, fake_models, monkeypatch, tmp_path):
    sheet = tmp_path / "hard.csv"
    sheet.write_text("theme,tries\na red circle,2\n")
    generate = fake_models.generate
    monkeypatch.setattr(
        fake_models, "generate", lambda variants, *_: iter([GenerationError("the light went out")] * len(variants))
    )
    reports = [night(sheet, FIRST + day * DAY_S) for day in range(5)]
    assert [report["vain"] for report in reports] == [1, 1, 1, 1, 0]
    assert (reports[4]["given_up"], reports[4]["ended"]) == (1, "nothing to do")
    monkeypatch.setattr(fake_models, "generate", generate)
    assert night(sheet, FIRST + 5 * DAY_S)["chosen"] == 0


def test_a_run_stops_cleanly_at_the_end_of_its_window_and_the_next_night_resumes(
    home, stock_sheet, fake_models, monkeypatch
):
    from flows import nightly

    seen = made(fake_models, monkeypatch)
    generate = fake_models.generate

    def shut_after_two(variants, *rest):
        for result in generate(variants, *rest):
            if len(seen) == 2:  # the window ends while a clip is being generated
                with catalogue().database.writing() as connection:
                    connection.execute(update(runs).values(until=time.time() - 1))
            yield result

    with monkeypatch.context() as patched:
        patched.setattr(fake_models, "generate", shut_after_two)
        patched.setattr(nightly, "night_of", lambda *_: Night(date(2026, 11, 26), time.time() + 3600, "06:00 (UTC)"))
        first = night(stock_sheet, until="06:00")
    assert first["ended"] == "window"
    assert "stopped at the end of the window, 06:00 (UTC)" in first["sentence"]
    assert 2 <= first["made"] == first["published"] == len(seen) < COMBINATIONS
    assert first["left"] == COMBINATIONS - first["done"] > 0
    assert audited(home)["published"] == first["made"]

    second = night(stock_sheet, FIRST + DAY_S)
    assert (second["there"], second["chosen"], second["done"]) == (first["made"], first["left"], first["left"])
    assert len(seen) == len(set(seen)) == COMBINATIONS
    assert audited(home)["published"] == COMBINATIONS
    assert len(catalogue().campaigns.all()) == 2


def test_a_used_up_budget_stops_cleanly_and_a_rerun_has_only_the_rest_of_it(
    home, stock_sheet, fake_models, reported_time, monkeypatch
):
    fake_models.device_seconds = 100.0
    reported_time(fake_models)
    seen = made(fake_models, monkeypatch)
    first = night(stock_sheet, budget_h=150 / 3600)
    assert first["ended"] == "budget"
    assert first["budget_s"] == pytest.approx(150)
    assert 2 <= len(seen) < COMBINATIONS
    assert first["spent_s"] == pytest.approx(100.0 * len(seen), abs=5)
    assert audited(home)["published"] == len(seen) == first["published"]

    again = night(stock_sheet, budget_h=150 / 3600)
    assert (again["ended"], again["published"], again["campaign_id"]) == (
        "budget",
        first["published"],
        first["campaign_id"],
    )

    more = night(stock_sheet, budget_money=100, price_h=36)
    assert (more["ended"], more["published"], more["left"]) == ("finished", COMBINATIONS, 0)
    assert more["spent_money"] == pytest.approx(COMBINATIONS, abs=0.2)
    assert len(seen) == COMBINATIONS
    assert audited(home)["published"] == COMBINATIONS
    assert len(catalogue().campaigns.all()) == 1
    assert night(stock_sheet, budget_h=150 / 3600)["ended"] == "finished"


def test_a_rerun_of_a_night_keeps_its_selection(home, stock_sheet, fake_models, monkeypatch):
    text = stock_sheet.read_text().replace(",2,20", ",2,3")
    stock_sheet.write_text(text)
    first, again = night(stock_sheet), night(stock_sheet, FIRST + 3600)
    assert (first["chosen"], first["later"], first["published"]) == (3, COMBINATIONS - 3, 3)
    assert (again["chosen"], again["later"], again["published"], again["there"]) == (3, COMBINATIONS - 3, 3, 0)
    assert night(stock_sheet, FIRST + DAY_S)["there"] == 3


def test_a_sheet_changed_during_the_night_gets_no_second_budget(home, stock_sheet, fake_models, reported_time):
    fake_models.device_seconds = 100.0
    reported_time(fake_models)
    first = night(stock_sheet, budget_h=150 / 3600)
    stock_sheet.write_text(stock_sheet.read_text() + "a yellow cup,,,,\n")
    second = night(stock_sheet, budget_h=150 / 3600)
    assert second["campaign_id"] != first["campaign_id"]
    assert (second["ended"], second["made"], second["spent_s"]) == ("budget", 0, first["spent_s"])
    assert (second["there"], second["chosen"]) == (first["made"], 16 - first["made"])


def test_a_night_that_crashed_while_planning_resumes_with_its_selection(home, stock_sheet, fake_models, monkeypatch):

    def died(*_, **__):
        raise CatalogueError("The power was cut.")

    with monkeypatch.context() as patched:
        patched.setattr(Campaigns, "add_variants", died)
        with pytest.raises(CatalogueError):
            night(stock_sheet)
    chosen = catalogue().campaigns.briefs(catalogue().campaigns.all()[0].campaign_id)
    assert night(stock_sheet)["published"] == COMBINATIONS
    assert catalogue().campaigns.briefs(catalogue().campaigns.all()[0].campaign_id) == chosen


def test_a_paused_night_is_reported_and_can_be_resumed(home, stock_sheet, fake_models):
    campaign_id = night(stock_sheet, budget_h=0.0001)["campaign_id"]
    before = catalogue().progress.tally(campaign_id).get("published", 0)
    catalogue().steering.steer(campaign_id, "paused", "ann")
    paused = night(stock_sheet)
    assert (paused["ended"], paused["published"]) == ("paused", before)
    assert f"Run `reelmill resume {campaign_id}" in paused["sentence"]
    catalogue().steering.steer(campaign_id, "active", "ann")
    assert night(stock_sheet)["published"] == COMBINATIONS


def test_a_run_after_its_window_starts_nothing(home, stock_sheet, fake_models, monkeypatch):
    seen = made(fake_models, monkeypatch)
    report = night(stock_sheet, time.time() - 3 * DAY_S, until="06:00")
    assert (report["ended"], report["chosen"], report["campaign_id"]) == ("window", 0, "")
    assert (seen, catalogue().campaigns.all()) == ([], [])


def test_a_late_scheduled_run_belongs_to_its_scheduled_night(home, stock_sheet, fake_models):
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    from prefect.states import Scheduled

    from flows.stock import stock

    evening = datetime.now(UTC).replace(hour=22) - timedelta(days=3)
    parameters = {"sheet": str(stock_sheet), "until": "06:00"}
    with get_client(sync_client=True) as client:
        late = client.create_flow_run(stock, parameters=parameters, state=Scheduled(scheduled_time=evening))
    report = run_flow(stock, flow_run=late, parameters=parameters)
    assert (report["day"], report["ended"]) == (evening.date().isoformat(), "window")
    assert night(stock_sheet, starts=None, dry_run=True)["day"] == datetime.now(UTC).date().isoformat()


def test_a_dry_run_starts_nothing(home, stock_sheet, fake_models):
    report = night(stock_sheet, dry_run=True)
    assert (report["ended"], report["chosen"]) == ("dry run", COMBINATIONS)
    assert catalogue().campaigns.all() == []


def test_a_failure_is_reported_and_raised(home, stock_sheet, fake_models, monkeypatch):
    from flows import stock as module

    kept = []
    monkeypatch.setattr(module, "publish_report", lambda report, _: kept.append(report))
    monkeypatch.setattr(
        module, "run_campaign", lambda *_, **__: (_ for _ in ()).throw(ReelmillError("The bucket is away."))
    )
    with pytest.raises(ReelmillError, match="The bucket is away"):
        night(stock_sheet)
    assert [(report.ended, report.unfinished) for report in kept] == [("failed", COMBINATIONS)]
    assert "failed. The bucket is away." in kept[0].sentence


def test_the_report_is_kept_as_artifacts(home, stock_sheet, fake_models):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import ArtifactSort

    night(stock_sheet, settings={"review_url": "https://review.example/"})
    with get_client(sync_client=True) as client:
        newest_first = client.read_artifacts(sort=ArtifactSort.CREATED_DESC)  # includes those of other nights
    found = {artifact.key: artifact for artifact in reversed(newest_first) if (artifact.key or "").startswith("stock")}
    assert {"stock-2026-11-26", "stock-summary", "stock-2026-11-26-review"} <= found.keys()
    assert "all chosen combinations are finished" in found["stock-summary"].data
    assert "https://review.example/campaigns/2026-11-26-stock-" in found["stock-2026-11-26-review"].data


@pytest.mark.parametrize("wrong", [{"until": "6 am"}, {"budget_h": -1}, {"price_h": -2}, {"sheet": ["rows"]}])
def test_parameters_are_validated(home, stock_sheet, wrong):
    from prefect.exceptions import ParameterTypeError

    from flows.stock import stock

    with pytest.raises(ParameterTypeError):
        stock(**{"sheet": str(stock_sheet), **wrong})


def test_a_run_that_cannot_start_is_refused_with_a_message(home, stock_sheet, fake_models, tmp_path):
    with pytest.raises(SettingsError, match=r"No stock sheet is set\. Set REELMILL_STOCK"):
        night("")
    with pytest.raises(SettingsError, match="'catalogue_url' is secret, but Prefect stores parameters in its database"):
        night(stock_sheet, settings={"catalogue_url": "sqlite://"})
    with pytest.raises(
        TooManyVariantsError,
        match=r"needs 24 variants \(12 combinations with 2 tries each\), but at most 23 are allowed",
    ):
        night(stock_sheet, settings={"max_variants": 23})
    bad = tmp_path / "bad.csv"
    bad.write_text("theme,tries\na red circle,lots\n")
    with pytest.raises(RejectedSheetError, match="Row 2, column B 'tries': 'lots'"):
        night(bad)


def test_a_sheet_can_be_stored_in_the_bucket(home, stock_sheet, fake_models):
    (home / "bucket" / "stock").mkdir(parents=True)
    (home / "bucket" / "stock" / "night.csv").write_bytes(stock_sheet.read_bytes())
    assert night("stock/night.csv")["published"] == COMBINATIONS


def test_review_and_dashboard_treat_a_night_like_any_campaign(home, stock_sheet, fake_models, capsys):
    from app.session import Session

    waiting = night(stock_sheet, settings={"review": "required"})
    assert (waiting["passed"], waiting["published"], waiting["done"]) == (COMBINATIONS, 0, COMBINATIONS)
    campaign_id = waiting["campaign_id"]

    session = Session.open()
    session.catalogue.accounts.add("admin", "admin", "test", password_hash=hash_password(PASSWORD))
    client = client_of(session, "admin")
    page = client.get(f"/campaigns/{campaign_id}")
    assert page.status_code == 200
    assert "2026-11-26 stock" in page.text
    table = client.get(f"/campaigns/{campaign_id}/files/clips")
    assert table.status_code == 200
    assert table.text.count("red circle drifting left") > 0

    assert reelmill(capsys, "approve", campaign_id, "--all").code == 0
    assert audited(home)["published"] == COMBINATIONS
