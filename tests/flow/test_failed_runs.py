"""Each path that ends a run leaves an alert, and a status that receipts and `reelmill status` show."""

import json
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import s3_server
from cli_runner import reelmill
from driver import finish, start
from prefect.client.orchestration import get_client
from prefect.exceptions import TerminationSignal
from prefect.states import Cancelled, Crashed, Failed

from adapters.catalogue import Catalogue
from flows import registration
from flows.campaign import campaign
from flows.prefect import ended_flow_runs
from flows.prefect.ended_flow_runs import report_ended_flow_runs
from flows.runtime import run as running
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.stock import stock
from flows.submit import submit
from manifests.errors import IncompleteWeightsError, ReelmillError, UnreadableSheetError
from tasks.runtime.campaign_status import status_of
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("prefect_server")
MISSING = "The weights of starter are not downloaded."
STOCK = Path(__file__).parents[2] / "examples" / "stock.csv"


@pytest.fixture
def catalogue(home: Path) -> Catalogue:
    return catalogue_of(resources_of(load_settings()))


@pytest.fixture(autouse=True)
def own_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report only the flow runs of this test: all tests share one Prefect server."""
    monkeypatch.setattr(ended_flow_runs, "TAG", uuid.uuid4().hex)


def texts(catalogue: Catalogue) -> list[str]:
    return [alert.text for alert in catalogue.alerts.all()]


def ended_run(flow: Any, state: Any, **parameters: Any) -> str:
    """Create a flow run on the server as a process that was killed leaves it; return its id."""
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(flow, parameters=parameters, tags=[ended_flow_runs.TAG])
        client.set_flow_run_state(run.id, state, force=True)
    return str(run.id)


def test_missing_weights_end_the_run_with_an_alert_and_a_reason(home, fake_models, sheet, catalogue, monkeypatch):
    monkeypatch.setattr(registration, "weights_problem", lambda *_: MISSING)
    with pytest.raises(IncompleteWeightsError):
        campaign(sheet=str(sheet))
    [row] = catalogue.campaigns.all()
    [run] = catalogue.runs.all(row.campaign_id)
    assert (run.outcome, run.detail["why"]) == ("failed", MISSING.rstrip("."))
    [text] = texts(catalogue)
    assert f"has failed: {MISSING}" in text
    status = status_of(catalogue, row.campaign_id)
    assert status.state == "failed"
    assert f"The run has failed. {MISSING} 12 variants are not generated yet." in status.message
    assert f"Resume with `reelmill resume {row.campaign_id}`." in status.message


def test_the_status_command_shows_the_failure(home, fake_models, sheet, catalogue, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        patched.setattr(registration, "weights_problem", lambda *_: MISSING)
        with pytest.raises(IncompleteWeightsError):
            campaign(sheet=str(sheet))
    assert json.loads(reelmill(capsys, "status", "--json").out)[0]["status"] == "failed"
    assert MISSING in " ".join(reelmill(capsys, "status", "spring").out.split())
    campaign(campaign_id="spring")
    assert json.loads(reelmill(capsys, "status", "--json").out)[0]["status"] == "done"


@pytest.mark.parametrize("step", ["check_fan_out", "release_dead_leases", "Remaining"])
def test_a_failure_before_the_first_clip_is_reported(home, fake_models, sheet, catalogue, monkeypatch, step):
    from flows import campaign as module

    def broken(*_: Any) -> None:
        raise ReelmillError("The disk is on fire.")

    campaign_id = submit(load_settings(), resources_of(load_settings()), sheet).campaign_id
    monkeypatch.setattr(module, step, broken)
    with pytest.raises(ReelmillError):
        campaign(campaign_id=campaign_id)
    assert status_of(catalogue, campaign_id).state == "failed"
    assert ["has failed: The disk is on fire." in text for text in texts(catalogue)] == [True]


def test_a_sheet_that_a_campaign_flow_cannot_read_is_reported(home, fake_models, catalogue):
    with pytest.raises(UnreadableSheetError):
        campaign(sheet="nowhere.csv")
    assert texts(catalogue) == [
        "The campaign nowhere.csv has failed: 'nowhere.csv' does not exist. Check the name and the folder. Fix the "
        "cause and start it again."
    ]


def test_a_nightly_run_that_cannot_start_is_reported(home, fake_models, catalogue):
    with pytest.raises(UnreadableSheetError):
        stock(sheet="nowhere.csv")
    [text] = texts(catalogue)
    assert text.startswith("The nightly run of nowhere.csv has failed: There is no stock sheet 'nowhere.csv'")
    assert text.endswith("run it again with `reelmill stock`.")


def test_a_nightly_run_that_cannot_be_registered_is_reported_once(home, fake_models, catalogue, monkeypatch):
    def refuse(*_: Any) -> None:
        raise ReelmillError("The signer has no key.")

    monkeypatch.setattr(registration, "check_delivery", refuse)
    with pytest.raises(ReelmillError):
        stock(sheet=str(STOCK))
    assert ["The nightly run of stock has failed: The signer has no key." in text for text in texts(catalogue)] == [
        True
    ]
    assert report_ended_flow_runs(catalogue) == 0, "the flow run has reported itself"


def test_a_night_that_starts_after_its_window_is_reported(home, fake_models, catalogue):
    assert stock(sheet=str(STOCK), until="06:00", starts=1e9)["ended"] == "window"
    [text] = texts(catalogue)
    assert "started nothing, because it began after the end of its window" in text


def test_a_crashed_flow_run_without_a_run_is_reported_once(home, catalogue, fake_models, sheet):
    campaign_id = submit(load_settings(), resources_of(load_settings()), sheet).campaign_id
    ended_run(campaign, Crashed(message="Process exited with status code: -9."), campaign_id=campaign_id)
    ended_run(stock, Failed(message="Flow run encountered an exception: SettingsError: No sheet."), sheet="a.csv")
    assert report_ended_flow_runs(catalogue) == 2
    assert report_ended_flow_runs(catalogue) == 0
    ended_flow_runs._reported.clear()
    assert report_ended_flow_runs(catalogue) == 0, "another process does not report it again"
    crashed, failed = sorted(texts(catalogue))
    assert crashed.startswith(f"The campaign {campaign_id} (flow run ")
    assert "has crashed: Process exited with status code: -9." in crashed
    assert f"Resume with `reelmill resume {campaign_id}`." in crashed
    assert "The nightly run of a.csv (flow run" in failed
    assert "has failed: No sheet." in failed


def test_a_cancelled_nightly_run_is_reported_and_an_overlapping_sweep_is_not(home, catalogue):
    from flows.sweep import sweep

    ended_run(stock, Cancelled(message="Deployment concurrency limit reached."))
    ended_run(sweep, Cancelled(message="Deployment concurrency limit reached."))
    assert report_ended_flow_runs(catalogue) == 1
    [text] = texts(catalogue)
    assert "was cancelled: Deployment concurrency limit reached." in text
    assert "give the two different times" in text


def test_a_killed_flow_process_is_reported_within_the_next_check(home, fake_models, sheet, catalogue):
    """The driver is killed as the kernel does when memory is short; its flow run is then marked as crashed."""
    process = start(5.0, sheet=str(sheet))
    run = _awaited_run(catalogue)
    os.kill(process.pid, signal.SIGKILL)
    assert finish(process) == -signal.SIGKILL
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(run.detail[running.FLOW_RUN])
        client.update_flow_run(flow_run.id, tags=[ended_flow_runs.TAG])
        client.set_flow_run_state(flow_run.id, Crashed(message="Process exited with status code: -9."), force=True)
    assert status_of(catalogue, run.campaign_id).state == "failed", "at once, without its heartbeat"
    assert report_ended_flow_runs(catalogue) == 1
    [text] = texts(catalogue)
    assert "has stopped because its process died. 12 variants are not generated yet." in text
    assert catalogue.runs.get(run.run_id).outcome == "lost"


def _awaited_run(catalogue: Catalogue) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := [run for run in catalogue.runs.all() if run.detail.get(running.FLOW_RUN)]:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("the driver has begun no run")


def test_a_run_that_a_signal_stopped_is_reported_only_if_prefect_has_cancelled_it(home, fake_models, sheet, catalogue):
    campaign_id = submit(load_settings(), resources_of(load_settings()), sheet).campaign_id
    for state, reports in ((Crashed(), 0), (Cancelled(), 1)):
        flow_run = ended_run(campaign, state, campaign_id=campaign_id)
        with (
            pytest.raises(TerminationSignal),
            running.run_of(catalogue, campaign_id, "pool", flow_run_id=flow_run),
        ):
            raise TerminationSignal(signal.SIGTERM)
        assert catalogue.runs.all(campaign_id)[0].detail["why"] == running.STOPPED_BY_SIGNAL
        assert report_ended_flow_runs(catalogue) == reports, "`reelmill up` may be restarting"
    assert f"The campaign {campaign_id} (flow run" in texts(catalogue)[0]


def test_a_server_that_does_not_answer_stops_no_check(home, catalogue, monkeypatch):
    def away(**_: Any) -> None:
        raise OSError("Connection refused")

    monkeypatch.setattr(ended_flow_runs, "get_client", away)
    assert report_ended_flow_runs(catalogue) == 0


def test_killed_runs_of_a_brief_with_want_cause_no_alarm_once_another_run_has_finished(
    home, fake_models, sheet, catalogue
):
    from flows.sweep import sweep

    campaign_id = submit(load_settings(), resources_of(load_settings()), sheet).campaign_id
    dead = [f"{os.uname().nodename}:00000000:{number}:1" for number in (1, 2, 3)]
    killed = [catalogue.runs.begin(campaign_id, "pool", owner) for owner in dead]
    campaign(campaign_id=campaign_id)
    assert catalogue.progress.tally(campaign_id) == {"published": 10, "not needed": 2}
    assert {catalogue.runs.get(run_id).outcome for run_id in killed} == {"lost"}
    sweep()
    [text] = texts(catalogue)
    assert "has finished: 2 not needed, 10 published." in text


def test_a_campaign_flow_reads_its_sheet_from_a_bucket(
    home, fake_models, sheet, s3_endpoint, s3_bucket_name, monkeypatch, capsys
):
    store = s3_server.client(s3_endpoint)
    store.put_object(Bucket=s3_bucket_name, Key="in/Spring 1.csv", Body=sheet.read_bytes())
    monkeypatch.setenv("REELMILL_BUCKET_ENDPOINT", s3_endpoint)
    for name, value in s3_server.S3_KEYS.items():
        monkeypatch.setenv(f"REELMILL_BUCKET_{name.upper()}", value)
    campaign_id = campaign(sheet=f"s3://{s3_bucket_name}/in/Spring 1.csv")
    catalogue = catalogue_of(resources_of(load_settings()))
    assert catalogue.campaigns.get(campaign_id).name == "Spring 1"
    assert catalogue.progress.tally(campaign_id)["published"] == 10
    validated = reelmill(capsys, "validate", f"s3://{s3_bucket_name}/in/Spring 1.csv", "--json")
    assert json.loads(validated.out)["campaign_id"] == campaign_id
    with pytest.raises(
        UnreadableSheetError, match=rf"There is no campaign sheet 's3://{s3_bucket_name}/none.csv'. Check its name"
    ):
        campaign(sheet=f"s3://{s3_bucket_name}/none.csv")
    with pytest.raises(UnreadableSheetError, match=r"names no sheet\. Enter s3://bucket/key"):
        campaign(sheet=f"s3://{s3_bucket_name}")
