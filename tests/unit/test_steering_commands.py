"""pause, cancel, priority, runs, and their output in resume and status; no model or Prefect server is needed."""

import json
import re
import shlex
import time
from pathlib import Path

import pytest
import samples
from cli_runner import reelmill
from sealed_catalogue import open_home

from adapters.catalogue import Catalogue
from app.cli.run_outcome import EXIT_STOPPED
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import close_resources

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

SPRING = samples.campaign().campaign_id


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """The catalogue of a home with one campaign of four planned variants."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    close_resources()
    with open_home(tmp_path / "home") as opened:
        samples.filled(opened, 4)
        yield opened
    close_resources()


def lease(catalogue: Catalogue, number: int = 3) -> None:
    ids = [row.variant_id for row in catalogue.variants.of_campaign(SPRING)]
    assert catalogue.leases.acquire(ids[:number], "elsewhere", 600.0, attempts_cap=5, campaign_id=SPRING)


def test_pause_explains_its_effect_and_can_be_repeated(catalogue, capsys):
    lease(catalogue)
    ended = reelmill(capsys, "pause", "Spring", "--reason", "too dark")
    assert ended.code == 0
    assert f"{SPRING} is paused. Clips in progress are finished, and no new ones are started." in ended.out
    assert f"reelmill resume {SPRING}" in ended.out
    assert catalogue.leases.owners() == ["elsewhere"]
    again = reelmill(capsys, "pause", "Spring")
    assert (again.code, "is already paused" in again.out) == (0, True)
    assert catalogue.campaigns.get(SPRING).stood["reason"] == "too dark", (
        "the second pause replaced the reason of the first"
    )


def test_cancel_counts_the_leases_that_it_ended(catalogue, capsys):
    lease(catalogue)
    ended = reelmill(capsys, "cancel", SPRING)
    assert ended.code == 0
    assert "is cancelled; 3 leases were ended. Finished clips are kept." in ended.out
    assert "--reopen" in ended.out
    again = reelmill(capsys, "cancel", SPRING)
    assert "is already cancelled; no clip was in progress" in again.out
    assert json.loads(reelmill(capsys, "cancel", SPRING, "--json").out)["leases_ended"] == 0


@pytest.mark.parametrize(("word", "said"), [("pause", "paused"), ("cancel", "cancelled")])
def test_a_retry_of_a_stopped_campaign_names_the_person_who_stopped_it(catalogue, capsys, word, said):
    reelmill(capsys, word, SPRING, "--reason", "too dark")
    ended = reelmill(capsys, "retry", SPRING, "--failed")
    assert ended.code == EXIT_STOPPED
    assert f"{SPRING} is {said} by person:" in ended.err
    assert "another process" not in ended.err


def test_a_single_shard_or_lease_is_singular(catalogue, capsys):
    catalogue.runs.set_waiting_shards(catalogue.runs.begin(SPRING, "pool", current_owner()), 1)
    assert "0 shards running, 1 waiting" in reelmill(capsys, "runs").out
    lease(catalogue, 1)
    assert "; 1 lease was ended." in reelmill(capsys, "cancel", SPRING).out


def test_pausing_does_not_reopen_a_cancelled_campaign(catalogue, capsys):
    reelmill(capsys, "cancel", SPRING)
    ended = reelmill(capsys, "pause", SPRING)
    assert (ended.code, catalogue.steering.standing(SPRING)) == (1, "cancelled")
    assert "is cancelled and cannot be paused" in ended.err


def test_resume_of_a_cancelled_campaign_needs_reopen(catalogue, capsys):
    reelmill(capsys, "cancel", SPRING)
    ended = reelmill(capsys, "resume", SPRING)
    assert (ended.code, catalogue.steering.standing(SPRING)) == (1, "cancelled")
    assert "Reopen it on its page" in ended.err
    assert f"reelmill resume {SPRING} --reopen" in ended.err


def test_resume_if_active_ends_no_pause(catalogue, capsys):
    reelmill(capsys, "pause", SPRING, "--reason", "too dark")
    ended = reelmill(capsys, "resume", SPRING, "--if-active")
    assert (ended.code, catalogue.steering.standing(SPRING)) == (3, "paused")
    assert "too dark; 4 variants are left" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "words",
    [["pause", "none"], ["cancel", "none"], ["priority", "none", 5], ["runs", "none"], ["resume", "none", "--reopen"]],
)
def test_an_unknown_campaign_is_reported_in_one_line(catalogue, capsys, words):
    ended = reelmill(capsys, *words)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Error: No campaign in the catalogue is called 'none'. List them with `reelmill status`.\n"


def test_priority_is_set_and_shown(catalogue, capsys):
    assert "has priority -5 (was 0)" in reelmill(capsys, "priority", SPRING, "-5").out
    assert reelmill(capsys, "priority", SPRING).out == f"{SPRING} has priority -5.\n"
    assert json.loads(reelmill(capsys, "priority", SPRING, 7, "--json").out) == {
        "campaign_id": SPRING,
        "priority": 7,
        "before": -5,
    }
    assert reelmill(capsys, "priority", SPRING, 101).code == 2
    assert reelmill(capsys, "priority", SPRING, "--jsno").code == 2
    assert catalogue.campaigns.get(SPRING).priority == 7


def test_the_audit_names_the_person(catalogue, capsys):
    reelmill(capsys, "pause", SPRING)
    reelmill(capsys, "priority", SPRING, 2)
    told = [(entry.action, entry.actor.partition(":")[0]) for entry in catalogue.audit.entries(limit=2)]
    assert told == [("priority", "person"), ("paused", "person")]


def test_status_shows_state_and_priority(catalogue, capsys):
    reelmill(capsys, "priority", SPRING, 4)
    reelmill(capsys, "pause", SPRING, "--reason", "[red] too dark")
    assert "Priority 4, paused by person:" in reelmill(capsys, "status", SPRING).out
    assert "[red] too dark" in reelmill(capsys, "status", SPRING).out
    assert "paused" in reelmill(capsys, "status").out
    (row,) = json.loads(reelmill(capsys, "status", "--json").out)
    one = json.loads(reelmill(capsys, "status", SPRING, "--json").out)
    for answer in (row, one):
        assert (answer["standing"], answer["priority"], answer["stood"]["reason"]) == ("paused", 4, "[red] too dark")


def test_runs_shows_running_and_ended_runs(catalogue, capsys):
    assert "No runs yet" in reelmill(capsys, "runs").out
    old = catalogue.runs.begin(SPRING, "pool", current_owner(), until=time.time() + 600, budget_s=7200)
    catalogue.runs.book(old, 3, 90.0)
    catalogue.runs.end(old, "budget")
    catalogue.runs.set_waiting_shards(catalogue.runs.begin(SPRING, "pool", current_owner()), 2)
    rows = json.loads(reelmill(capsys, "runs", SPRING, "--json").out)
    assert {(row["outcome"], row["served"]) for row in rows} == {("running", 0), ("budget", 3)}
    shown = reelmill(capsys, "runs").out
    assert "running" in shown
    assert "budget" in shown
    assert len(json.loads(reelmill(capsys, "runs", "--limit", 1, "--json").out)) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--until", "soon"], "'soon' is not a valid time of day"),
        (["--until", "2020-01-01T00:00"], "in the past"),
        (["--budget-hours", "0"], "above 0"),
    ],
)
def test_an_invalid_bound_is_refused_before_anything_changes(catalogue, capsys, words, told):
    reelmill(capsys, "pause", SPRING)
    ended = reelmill(capsys, "resume", SPRING, *words)
    assert ended.code == 1
    assert told in ended.err
    assert catalogue.steering.standing(SPRING) == "paused"


def documented() -> list[list[str]]:
    """Return the words of every command in docs/steering.md."""
    text = (Path(__file__).parents[2] / "docs" / "steering.md").read_text()
    lines = re.search(r"```\n(.*?)```", text, re.DOTALL)[1].splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_the_guides_commands_and_options_exist(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert len(documented()) >= 7
    for command, *words in documented():
        shown = reelmill(capsys, command, "--help")
        assert shown.code == 0
        for option in [word for word in words if word.startswith("--")]:
            assert option in shown.out, f"{command} has no {option}"


def test_the_guides_exit_code_matches_the_program():
    assert f"\n| {EXIT_STOPPED} | a person paused" in (Path(__file__).parents[2] / "docs" / "steering.md").read_text()
