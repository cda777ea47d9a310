"""What a campaign has cost: exact sums, failed and lost jobs, and where the money is shown."""

import csv
import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import samples
from cli_runner import reelmill
from dashboard_client import client_of, session_in
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from provider_job_samples import new_job, taken

from adapters.catalogue import Catalogue
from adapters.sheets import ClipResult, Outcome, read_table, write_results
from adapters.sheets.results.outcome import CLIPS, EARLIER_CLIPS, RESULTS
from app.report import contact_sheet
from app.report.clip_table import write_clip_table
from app.report.cost import cost_of
from app.report.report import report_of
from app.report.sheet_text import PillowText
from app.report.spending import spending_of
from flows.registration import check_remaining
from flows.settings import load_settings
from manifests.costs.device_use import Cause, DeviceUse, UseKind, UseTotal
from manifests.costs.money import Money
from manifests.costs.prices import NO_PRICES, Prices
from manifests.errors import OverBudgetError
from manifests.hosted.job import Cause as Why
from manifests.hosted.job import Refused
from manifests.hosted.provider_job import JobLimits, JobTotal

SPRING = samples.campaign().campaign_id
IN_USD = Prices({"cpu": 36.0}, currency="USD")
CENTS = Money(300_000, "USD")
AMOUNT = st.integers(0, 10**12)
JOBS = st.lists(
    st.builds(
        JobTotal,
        st.sampled_from(["runway", "kling"]),
        st.just("card"),
        st.sampled_from(["EUR", "USD"]),
        AMOUNT,
        AMOUNT,
        AMOUNT,
        st.just({"done": 1}),
    )
)


@given(JOBS, st.integers(1, 500))
def test_sums_are_exact_and_currencies_stay_apart(jobs: list[JobTotal], published: int):
    found = spending_of([], NO_PRICES, jobs)
    for sums, name in ((found.spent, "spent"), (found.estimated, "estimated"), (found.reserved, "reserved")):
        expected: Counter[str] = Counter()
        for job in jobs:
            expected[job.currency] += getattr(job, f"{name}_micros")
        assert {each.currency: each.micros for each in sums if each.micros} == dict(+expected)
    for amount, each in zip(found.spent, found.each(published), strict=True):
        assert each.currency == amount.currency
        assert abs(Decimal(amount.micros) / published - each.micros) <= Decimal("0.5")


def test_device_time_is_added_only_in_its_own_currency():
    use = [UseTotal("generate", "cpu", "starter", 100.0)]
    job = JobTotal("runway", "card", "USD", 12_400_000, 3_000_000, 300_000, {"done": 2, "submitted": 1})
    assert spending_of(use, IN_USD, [job]).spent == (Money(13_400_000, "USD"),)
    in_eur = spending_of(use, Prices({"cpu": 36.0}, currency="EUR"), [job])
    assert in_eur.spent == (Money(1_000_000, "EUR"), Money(12_400_000, "USD"))
    assert in_eur.text == "1.00 EUR and 12.40 USD (including 3.00 USD estimated), 0.30 USD reserved"
    assert in_eur.is_complete
    unpriced = spending_of(use, NO_PRICES, [job])
    assert (unpriced.spent, unpriced.is_complete) == ((Money(12_400_000, "USD"),), False)
    assert spending_of([], NO_PRICES, [job._replace(unknown=1)]).is_complete is False
    assert spending_of([], NO_PRICES).text == ""


@pytest.fixture
def session(tmp_path: Path, monkeypatch):
    """A catalogue with one passed, one failed and one published clip, and four provider jobs.

    The published clip was billed with 0.40 USD, and the passed one is estimated at 0.30 USD. A third job has failed
    and was billed, and a fourth one is open.
    """
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    session = session_in(tmp_path / "home")
    catalogue = session.catalogue
    run_id = catalogue.runs.begin(SPRING, "pool", "driver", budget=Money.of(50, "USD"))
    items = samples.planned(7, start=30)
    catalogue.campaigns.add_variants(SPRING, items)
    ids = [item.variant_id for item in items]
    jobs = [_reserve(catalogue, variant_id, run_id) for variant_id in ids[:4]]
    for job_id in jobs:
        catalogue.provider_jobs.submitted(job_id, taken(job_id))
    catalogue.provider_jobs.done(jobs[0], Money(400_000, "USD"))
    catalogue.provider_jobs.done(jobs[1])
    catalogue.provider_jobs.failed(jobs[2], Refused(Why.VENDOR), is_billed=True)
    return session


def _reserve(catalogue: Catalogue, variant_id: str, run_id: str) -> str:
    [lease] = samples.take(catalogue, [variant_id])
    job = catalogue.provider_jobs.reserve(new_job(variant_id, CENTS, run_id), lease, JobLimits())
    return job.job_id


def test_failed_jobs_count_and_are_named(session):
    report = report_of(session.catalogue, SPRING)
    assert report.spending.spent == (Money(1_000_000, "USD"),)
    assert report.spending.estimated == (Money(600_000, "USD"),)
    assert report.spending.reserved == (Money(300_000, "USD"),)
    assert report.spending.wasted == (Money(300_000, "USD"),)
    [line] = report.spending.lines
    assert (line.provider, line.card, line.jobs, line.notes) == ("runway", "runway-gen4.5", 4, "0.30 USD for 1 failed")
    plain = json.loads(json.dumps(report.as_json(), default=str))
    assert plain["spent"] == [{"micros": 1_000_000, "currency": "USD"}]
    assert plain["cost_per_published_clip"] == [{"micros": 1_000_000, "currency": "USD"}]


def test_a_later_run_does_not_pay_for_open_jobs(session):
    settings = load_settings(budget="0.000001 USD", device_prices={"cpu": 36.0}, currency="USD")
    jobs = session.catalogue.provider_jobs
    rows = {row.variant_id: row for row in session.catalogue.variants.of_campaign(SPRING)}
    open_jobs = jobs.open_of(list(rows))
    assert len(open_jobs) == 3
    check_remaining(settings, session.resources, SPRING, [rows[key] for key in open_jobs])
    [failed] = [job for job in jobs.list(campaign_id=SPRING) if job.state == "failed"]
    with pytest.raises(OverBudgetError, match="1 clip would cost about"):
        check_remaining(settings, session.resources, SPRING, [rows[failed.variant_id]])


def test_money_is_listed_by_campaign_and_run(session):
    jobs = session.catalogue.provider_jobs
    [run] = session.catalogue.runs.all()
    [total] = jobs.money(SPRING)
    assert jobs.money_by_campaign() == {SPRING: [total]}
    assert jobs.money_of_runs([run.run_id, "other"]) == {run.run_id: [total]}
    assert jobs.money_of_runs(["other"]) == {}


def test_the_command_line_shows_money(session, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    session.catalogue.device_use.book(
        [DeviceUse("ab" * 16, Cause(SPRING, "", "starter"), UseKind.SCORE, "host:0:1:1", "cpu", "cpu", 60.0)]
    )
    one = " ".join(reelmill(capsys, "status", SPRING).out.split())
    assert "Cost: 1.00 USD (including 0.60 USD estimated), 0.30 USD reserved, 1.00 USD per published clip." in one
    assert "0.30 USD for 1 failed" in one
    assert "Device time has no price, so its cost is not included." in one
    assert "1.00 USD (including 0.60 USD estimated)" in " ".join(reelmill(capsys, "status").out.split())
    [listed] = json.loads(reelmill(capsys, "status", "--json").out)
    assert listed["spent"] == [{"micros": 1_000_000, "currency": "USD"}]
    assert (listed["is_cost_complete"], listed["cost"]) == (False, None)
    runs = " ".join(reelmill(capsys, "runs").out.split())
    assert "budget 50.00 USD" in runs
    assert "0.30 USD reserved" in runs
    [run] = json.loads(reelmill(capsys, "runs", "--json").out)
    assert run["reserved"] == [{"micros": 300_000, "currency": "USD"}]
    assert run["budget"] == {"micros": 50_000_000, "currency": "USD"}


def test_the_dashboard_and_the_api_show_money(session):
    client = client_of(session, "viewer")
    page = client.get(f"/campaigns/{SPRING}/status").text
    assert "Cost: 1.00 USD (including 0.60 USD estimated), 0.30 USD reserved; 1.00 USD per published clip" in page
    assert 'id="provider-jobs"' in page
    assert "0.30 USD for 1 failed" in page
    assert "cost 1.00 USD" in client.get(f"/campaigns/{SPRING}/row").text
    [listed] = client.get("/api/campaigns").json()
    assert listed["spent"] == [{"micros": 1_000_000, "currency": "USD"}]
    assert listed["wasted"] == [{"micros": 300_000, "currency": "USD"}]
    assert listed["provider_jobs"][0]["jobs"] == {"done": 2, "failed": 1, "submitted": 1}


def test_the_page_of_a_clip_and_the_api_show_what_it_cost(session):
    variant_id = samples.planned(1, start=36)[0].variant_id
    [lease] = samples.take(session.catalogue, [variant_id])
    job_id = "ab" * 16
    billed = {"provider": "runway", "job_id": job_id, "cost_micros": 617_280, "currency": "USD"}
    clip = replace(samples.clip(variant_id), campaign_id=SPRING, cost_is_estimate=True, **billed)
    session.catalogue.results.mark_rendered(lease, clip)
    session.catalogue.results.mark_judged(lease, samples.score(variant_id), samples.passed(variant_id))
    client = client_of(session, "viewer")
    page = client.get(f"/clips/{variant_id}").text
    assert "<dt>cost</dt><dd>0.61728 USD (estimated: the provider has not reported it)</dd>" in page
    assert f"<dt>provider job</dt><dd>{job_id}</dd>" in page
    found = client.get(f"/api/clips/{variant_id}").json()
    shown = {name: found[name] for name in ("provider", "cost_micros", "currency", "cost_is_estimate")}
    assert shown == {"provider": "runway", "cost_micros": 617_280, "currency": "USD", "cost_is_estimate": True}
    rows = session.catalogue.variants.of_campaign(SPRING)
    listed = {row.variant_id: row for row in rows}[variant_id]
    table = write_clip_table([listed], [], [], {}, session.settings.home / "clips.csv")
    [line] = csv.DictReader(table.open(encoding="utf-8-sig"))
    money = [line[name] for name in ("provider", "provider_cost", "provider_currency", "cost_is_estimate")]
    assert money == ["runway", "0.61728", "USD", "True"]
    assert report_of(session.catalogue, SPRING).briefs[0].cost == ((), "", ("runway",))  # others have no price
    assert '<td class="number">–</td>' in client.get(f"/campaigns/{SPRING}/briefs").text


def hosted_row(catalogue: Catalogue, **changes):
    row = catalogue.variants.of_campaign(SPRING, ["published"])[0]
    fields = {
        "provider": "runway",
        "job_id": "ab" * 16,
        "cost_micros": 250_000,
        "currency": "USD",
        "campaign_id": SPRING,
    }

    return replace(row, clip=replace(row.clip, **(fields | changes)))


def test_the_cost_of_clips_by_their_source(session):
    billed = hosted_row(session.catalogue)
    estimated = hosted_row(session.catalogue, cost_is_estimate=True, provider="kling", cost_micros=1)
    own = hosted_row(
        session.catalogue, provider="", cost_micros=None, currency="", device_kind="cpu", device_seconds=100.0
    )
    eur = Prices({"cpu": 36.0}, currency="EUR")
    assert cost_of([billed], SPRING, NO_PRICES) == ((Money(250_000, "USD"),), "billed", ("runway",))
    assert cost_of([billed], SPRING, NO_PRICES).text == "0.25 USD"
    assert cost_of([estimated], SPRING, NO_PRICES).text == "0.000001 USD (estimated)"
    both = cost_of([billed, estimated, own], SPRING, eur)
    assert both.sums == (Money(1_000_000, "EUR"), Money(250_001, "USD"))
    assert (both.basis, both.providers) == ("billed and device time and estimated", ("kling", "runway"))
    assert cost_of([billed], "another-campaign", NO_PRICES).sums == (Money(0, "USD"),)
    assert cost_of([hosted_row(session.catalogue, cost_micros=None)], SPRING, eur).sums == ()
    assert cost_of([billed, own], SPRING, NO_PRICES).sums == ()
    assert cost_of([], SPRING, eur).sums == ()


def test_the_contact_sheet_shows_what_a_provider_has_billed(session):
    def caption(**changes) -> bytes:
        cell = Image.new("RGB", (400, 200))
        contact_sheet._caption(cell, hosted_row(session.catalogue, **changes), PillowText(""))
        return cell.tobytes()

    def noted(note: str) -> bytes:
        cell = Image.new("RGB", (400, 200))
        contact_sheet._caption(cell, hosted_row(session.catalogue), PillowText(""), note)
        return cell.tobytes()

    pictures = {caption(), caption(cost_micros=None), caption(cost_is_estimate=True), caption(cost_micros=1)}
    assert len(pictures) == 4
    assert len({caption(), noted("fallback for a: refused"), noted("fallback for b: refused")}) == 3


SHEET = "brief_id,prompt\none,a cup\ntwo,a ball\nthree,a box\n"
OUTCOMES = {
    2: Outcome("published", cost=(Money(617_280, "USD"),), cost_basis="billed"),
    3: Outcome(
        "published", cost=(Money(1_000_000, "EUR"), Money(300_000, "USD")), cost_basis="device time and estimated"
    ),
    4: Outcome("failed"),
}
CLIP = ClipResult(
    (2,), ("one",), "v1", "", "published", 7, cost=(Money(1, "USD"),), cost_basis="estimated", provider="fal"
)


def test_the_results_sheet_has_exact_amounts_and_their_currency(tmp_path: Path):
    sheet = tmp_path / "s.csv"
    sheet.write_text(SHEET)
    table = read_table(sheet)
    out, clips = write_results(table, OUTCOMES, tmp_path / "out.csv", [CLIP])
    rows = list(csv.DictReader(out.open(encoding="utf-8-sig")))
    names = ("Reelmill cost", "Reelmill currency", "Reelmill cost basis")
    assert [[row[name] for name in names] for row in rows] == [
        ["0.61728", "USD", "billed"],
        ["1.00 EUR and 0.30 USD", "EUR, USD", "device time and estimated"],
        ["", "", ""],
    ]
    [listed] = csv.DictReader(clips.open(encoding="utf-8-sig"))
    assert [listed[name] for name in ("Cost", "Currency", "Cost basis", "Provider")] == [
        "0.000001",
        "USD",
        "estimated",
        "fal",
    ]
    [book] = write_results(table, OUTCOMES, tmp_path / "out.xlsx", [CLIP])
    tabs = openpyxl.load_workbook(book).worksheets
    header = [cell.value for cell in tabs[0][1]]
    cost = tabs[0].cell(2, header.index("Reelmill cost") + 1)
    assert (cost.value, cost.data_type) == (0.61728, "n")
    assert tabs[1].cell(2, list(CLIPS).index("Cost") + 1).value == 0.000001


def test_a_workbook_keeps_amounts_as_numbers(tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.append(["brief_id", "prompt"])
    book.active.append(["one", "a cup"])
    book.save(tmp_path / "s.xlsx")
    [copy] = write_results(read_table(tmp_path / "s.xlsx"), {2: OUTCOMES[2]}, tmp_path / "out.xlsx", [CLIP])
    tabs = openpyxl.load_workbook(copy).worksheets
    header = [cell.value for cell in tabs[0][1]]
    assert header[2:] == list(RESULTS)
    assert tabs[0].cell(2, header.index("Reelmill cost") + 1).value == 0.61728
    assert tabs[1].cell(2, list(CLIPS).index("Cost") + 1).value == 0.000001


@pytest.mark.parametrize("columns", EARLIER_CLIPS)
def test_the_list_of_clips_of_an_earlier_version_is_replaced(tmp_path: Path, columns: tuple[str, ...]):
    book = openpyxl.Workbook()
    book.active.append(["brief_id", "prompt"])
    book.active.append(["one", "a cup"])
    book.create_sheet("Clips").append(list(columns))
    book.save(tmp_path / "s.xlsx")
    [copy] = write_results(read_table(tmp_path / "s.xlsx"), {2: OUTCOMES[2]}, tmp_path / "out.xlsx", [CLIP])
    found = openpyxl.load_workbook(copy)
    assert found.sheetnames[-1] == "Clips"
    assert len(found.sheetnames) == 2
    assert [cell.value for cell in found["Clips"][1]] == list(CLIPS)
