"""Output of commands at 80 columns: no line is longer, and no word is broken."""

import json
import time

import pytest
import samples
from cli_runner import reelmill
from rich.cells import cell_len
from sealed_catalogue import open_home

from app.cli.commands.admin import doctor
from app.cli.table import show_table
from manifests.brief import Brief
from manifests.campaign import Campaign
from tasks.doctor.check import Finding
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import close_resources

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

WIDTH = 80
BRIEFS = ("hero-circle-on-a-white-background-3f2a91", "story-cup", "waterproof-trail-running-shoe-at-dawn-b77e20")
SPRING = Campaign(
    "Spring launch of waterproof shoes",
    "5eed" * 16,
    tuple(Brief(row, brief_id, (f"prompt of {brief_id}",)) for row, brief_id in enumerate(BRIEFS, 2)),
)


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """The catalogue of a home with one campaign, at 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    (tmp_path / "home").mkdir()
    close_resources()
    with open_home(tmp_path / "home") as opened:
        opened.campaigns.add(SPRING, {})
        for index, brief_id in enumerate(BRIEFS):
            opened.campaigns.add_variants(SPRING.campaign_id, samples.planned(4, brief_id, index * 4))
        yield opened
    close_resources()


def assert_fits(text: str, *words: str) -> None:
    """Check that no line is too long, and that each word is in the text in one piece."""
    assert [line for line in text.splitlines() if cell_len(line) > WIDTH] == []
    assert [word for word in words if word not in text] == []


def all_cards(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [card["name"] for card in json.loads(reelmill(capsys, "models", "--json").out)]


def test_models_is_a_narrow_list(catalogue, capsys):
    ended = reelmill(capsys, "models")
    words = ("text-to-video", "image-to-video", "allowed", "needs attestation", "missing", "present", "unusable")
    assert_fits(ended.out, *all_cards(capsys), *words)
    assert "publishing" in ended.out.splitlines()[0]
    assert len(ended.out.splitlines()) <= len(all_cards(capsys)) + 16, "a line per model"


def test_models_show_has_the_details(catalogue, capsys):
    for name in all_cards(capsys):
        shown = reelmill(capsys, "models", "show", name).out
        long = [line for line in shown.splitlines() if cell_len(line) > WIDTH]
        assert [line for line in long if len(line.split()) > 1 and "://" not in line] == [], name
    shown = reelmill(capsys, "models", "show", "wan2.1-t2v-1.3b").out
    assert "\n  reelmill models pull wan2.1-t2v-1.3b\n" in shown, "on a line of its own, to copy it"
    assert "832x468" in shown


def test_status_does_not_truncate_brief_ids(catalogue, capsys):
    ids = [row.variant_id for row in catalogue.variants.of_campaign(SPRING.campaign_id)]
    for variant_id, state in zip(ids, ["failed"] * 3 + ["passed", "published", "quarantined"], strict=False):
        samples.bring_to(catalogue, variant_id, state)
    ended = reelmill(capsys, "status", SPRING.campaign_id)
    lines = ended.out.splitlines()
    assert_fits(ended.out, "brief", "variants", "passed", "published", "score", SPRING.campaign_id)
    rows = [line.split("│")[0].rstrip() for line in lines if "│" in line]
    assert rows == [*BRIEFS[:2], "waterproof-trail-running-shoe-at-dawn-", "b77e20"], "ids are broken only if too long"
    assert "Why clips were not published:" in lines
    assert any(line.startswith("  ") and "black" in line for line in lines)
    assert_fits(reelmill(capsys, "status").out, "12", "failed", "quarantined", "published")


def test_many_reasons_are_summed_up(catalogue, capsys):
    briefs = tuple(Brief(row, f"b{row}", (f"p{row}",)) for row in range(2, 32))
    many = Campaign("Many", "ab" * 32, briefs)
    catalogue.campaigns.add(many, {})
    for index, brief in enumerate(briefs):
        planned = samples.planned(1, brief.brief_id, 100 + index)
        catalogue.campaigns.add_variants(many.campaign_id, planned)
        samples.bring_to(catalogue, planned[0].variant_id, "failed")
    shown = reelmill(capsys, "status", "Many").out
    assert shown.count(": black picture: 1") == 20
    assert f"10 more briefs; list them all with `reelmill status {many.campaign_id} --json`" in " ".join(shown.split())


def test_plan_fits_80_columns(catalogue, capsys, tmp_path):
    sheet = tmp_path / "autumn.csv"
    sheet.write_text("".join(f"{line}\n" for line in ["brief_id,prompt", *(f"{name},a red cup" for name in BRIEFS)]))
    ended = reelmill(capsys, "plan", sheet)
    assert_fits(ended.out, *BRIEFS, "variants", "requested", "distinct")


def test_runs_fits_80_columns(catalogue, capsys):
    begun = catalogue.runs.begin(SPRING.campaign_id, "pool", current_owner(), until=time.time() + 600, budget_s=7200)
    catalogue.runs.book(begun, 1234, 8000.0)
    catalogue.runs.end(begun, "budget")
    catalogue.runs.set_waiting_shards(catalogue.runs.begin(SPRING.campaign_id, "pool", current_owner()), 2)
    ended = reelmill(capsys, "runs")
    assert_fits(ended.out, begun[:8], "waterproof-", "running", "budget 2 device hours", "0 shards running, 2 waiting")


def test_alerts_fits_80_columns(catalogue, capsys):
    text = "1,204 published files that are missing in the bucket: put them back from the bucket's versions or a backup."
    catalogue.alerts.add("1", "sweep", text)
    catalogue.alerts.mark_failed(catalogue.alerts.due()[0], "The webhook answered 404.", permanent=True)
    ended = reelmill(capsys, "alerts")
    assert_fits(ended.out, *text.split(), "kept" if "kept" in ended.out else "given up", "1 attempt", "Last error:")


def test_doctor_fits_80_columns(catalogue, capsys, monkeypatch):
    long = "SQLite 3.40.1, revision 0005, answers in 16 ms; a trial clip is Trusted, and its certificate expires soon."
    found = [Finding("ok", long, check="settings"), Finding("fail", long, f"Fix it. {long}", check="bucket")]
    monkeypatch.setattr(doctor, "run_checks", lambda _: [*found, Finding("warn", long, check="clock")])
    monkeypatch.setattr(doctor, "checks_of", lambda _: {})
    ended = reelmill(capsys, "doctor")
    assert ended.code == 1
    assert_fits(ended.out, *long.split(), "→ Fix it.")
    assert ended.out.endswith("\n1 error, 1 warning.\n")
    continued = [line for line in ended.out.splitlines() if line.startswith(" " * 16)]
    assert len(continued) == 5, "continuation lines are indented below the text"


def test_accounts_list_fits_80_columns(catalogue, capsys):
    catalogue.accounts.add("maria.gonzalez-hernandez.of.the.creative.studio@example-agency.com", "reviewer", "me")
    ended = reelmill(capsys, "accounts", "list")
    assert_fits(ended.out, "maria.", "gonzalez-", "hernandez.", "reviewer", "link of `reelmill review`")


@pytest.mark.parametrize("panel", ["Campaigns", "Review", "Nightly and unattended", "Models", "Operations"])
def test_commands_are_grouped_in_the_help(catalogue, capsys, panel):
    shown = reelmill(capsys, "--help").out
    assert f"─ {panel} ─" in shown
    assert "─ Commands ─" not in shown
    assert_fits(shown)


def test_words_longer_than_a_column_continue_after_punctuation(capsys, monkeypatch):
    from app.cli.output import console

    monkeypatch.setenv("COLUMNS", "40")
    with console.capture() as captured:
        show_table(["name", "number"], [("one-two-three-four-five-six-seven-eight", 0.25), ("x" * 20, 1.5)])
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert [line.split("│")[0].strip() for line in lines[2:]] == [
        "one-two-three-four-five-six-",
        "seven-eight",
        "x" * 20,
    ]
    assert all(len(line) <= 40 for line in lines)
    assert "0.250" in lines[2]
