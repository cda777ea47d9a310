"""The deployments: prefect.yaml on a real server, and those that a single machine serves."""

import importlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import StateType
from prefect.flow_engine import FlowRunEngine
from prefect.flows import Flow
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running

from flows import watch
from flows.prefect import crash_automation as zombies
from flows.prefect import deployments, nights
from flows.prefect import stale_flow_runs as leftovers
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.errors import SettingsError
from manifests.nightly.night_schedule import NightSchedule
from tasks.runtime.resources import catalogue_of

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "examples"))
import s3_arrival  # noqa: E402

NOTIFICATION = {
    "Records": [
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "sheets"}, "object": {"key": f"in/{name}.csv"}}}
        for name in ("a", "b")
    ]
}
FLOWS = ("campaign", "steer", "stock", "sweep", "watch")


@pytest.fixture(scope="module")
def deployed(full_prefect_server, tmp_path_factory) -> dict[str, Any]:
    """The deployments on the server after `python -m flows.prefect.deployments --deploy`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REELMILL_")}
    environment |= {
        "REELMILL_HOME": str(tmp_path_factory.mktemp("home")),
        "REELMILL_TIMEZONE": "Europe/Berlin",
        "REELMILL_STOCK": "s3://sheets/stock.csv",
        "REELMILL_SWEEP_CRON": "15 5 * * *",
    }
    done = subprocess.run(
        [sys.executable, "-m", "flows.prefect.deployments", "--deploy"],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with get_client(sync_client=True) as client:
        return {name: client.read_deployment_by_name(f"{name}/{name}") for name in FLOWS}


def test_each_flow_is_deployed_by_its_module(deployed):
    for name, each in deployed.items():
        module, _, flow = each.entrypoint.partition(":")
        loaded = getattr(importlib.import_module(module), flow)
        assert isinstance(loaded, Flow)
        assert loaded.name == name
        assert each.work_pool_name == "reelmill"
        assert not each.pull_steps
        assert each.enforce_parameter_schema


def test_schedules_match_the_settings_and_their_time_zone(deployed):
    for name, said in (("stock", Settings.model_fields["stock_cron"].default), ("sweep", "15 5 * * *")):
        [item] = deployed[name].schedules
        assert (item.schedule.cron, item.schedule.timezone, item.active) == (said, "Europe/Berlin", True)
    [item] = deployed["watch"].schedules
    assert item.schedule.interval.total_seconds() == 60
    assert not item.active, "the schedule is active although nothing is watched"
    assert deployed["campaign"].schedules == []


def test_concurrent_runs_are_limited(deployed):
    assert deployed["steer"].global_concurrency_limit is None, "a pause would wait for the run that it pauses"
    limits = {
        name: (each.global_concurrency_limit.limit, each.concurrency_options.collision_strategy.value)
        for name, each in deployed.items()
        if name != "steer"
    }
    assert limits == {
        "campaign": (4, "ENQUEUE"),
        "stock": (1, "CANCEL_NEW"),
        "sweep": (1, "CANCEL_NEW"),
        "watch": (1, "CANCEL_NEW"),
    }


def test_prefect_yaml_declares_the_same_trigger_as_a_single_machine(deployed):
    [declared] = [
        each for each in yaml.safe_load((REPO / "prefect.yaml").read_text())["deployments"] if each["name"] == "watch"
    ]
    [trigger] = declared["triggers"]
    own = deployments.arrival_trigger()
    assert set(trigger["expect"]) == own.expect == {watch.EVENT}
    assert trigger["match"] == own.match.model_dump() == {"prefect.resource.id": watch.RESOURCE}
    with get_client(sync_client=True) as client:
        automations = client._client.post("/automations/filter", json={}).json()
    assert [each["name"] for each in automations].count("a sheet arrived") == 1


def test_an_arrival_event_starts_the_watch_flow(deployed):
    assert s3_arrival.handler(NOTIFICATION) == 1
    assert awaited(lambda: [run for run in runs_of(deployed["watch"].id) if not run.auto_scheduled], 60)


@pytest.mark.slow
def test_a_worker_in_another_folder_runs_the_installed_package(deployed, home: Path, tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.csv").write_text("brief_id,prompt\nx,\n")
    os.utime(tmp_path / "in" / "bad.csv", (0, 0))
    environment = {**os.environ, "REELMILL_HOME": str(home), "REELMILL_WATCH": str(tmp_path / "in")}
    with get_client(sync_client=True) as client:
        client.create_flow_run_from_deployment(deployed["watch"].id)  # the run of the event may have been cancelled
    worker = [
        sys.executable,
        "-m",
        "prefect",
        "worker",
        "start",
        "--pool",
        "reelmill",
        "--work-queue",
        "watch",
        "--type",
        "process",
        "--install-policy",
        "never",
        "--run-once",
    ]
    done = subprocess.run(
        worker, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL
    )
    states = [run.state.type for run in runs_of(deployed["watch"].id)]
    assert states.count(StateType.COMPLETED) == 1, (states, done.stdout + done.stderr)
    assert json.loads((tmp_path / "in" / "bad.csv.receipt.json").read_text())["state"] == "refused"
    ended = {run.id for run in runs_of(deployed["watch"].id) if run.state.is_completed()}
    assert awaited(lambda: ended & beaten(), 30), "the worker's run sent no heartbeat"


def test_sns_notifications_are_unpacked_and_s3_test_events_are_ignored():
    by_sns = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(NOTIFICATION)}}]}
    assert s3_arrival.records_of(by_sns) == s3_arrival.records_of(NOTIFICATION) == NOTIFICATION["Records"]
    assert s3_arrival.handler({"Service": "Amazon S3", "Event": "s3:TestEvent"}) == 0


@pytest.fixture
def entrance(deployed, home: Path) -> watch.DeploymentStarter:
    """The watcher's access to the campaign deployment; no worker serves it."""
    settings = load_settings()
    return watch.DeploymentStarter(settings, resources_of(settings), "")


def set_state(run: Any, state: Any) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, state, force=True)


def test_a_campaign_is_started_once_and_again_only_after_a_crash(deployed, entrance, fake_models, sheet, tmp_path):
    campaign_id = entrance.submit(sheet).campaign_id

    def runs() -> list[Any]:
        return [run for run in runs_of(deployed["campaign"].id) if campaign_id in run.tags]

    assert [entrance.start(campaign_id) for _ in range(3)] == [True] * 3
    [first] = runs()
    assert first.parameters == {"campaign_id": campaign_id}
    set_state(first, Running())
    assert entrance.start(campaign_id)
    set_state(first, Crashed())
    assert [entrance.start(campaign_id) for _ in range(2)] == [True] * 2
    [second] = [run for run in runs() if run.id != first.id]
    set_state(second, Failed())
    assert not entrance.start(campaign_id)
    assert len(runs()) == 2


def test_a_campaign_with_a_silent_run_is_started_again(deployed, entrance, fake_models, sheet, monkeypatch):
    sheet.write_text(sheet.read_text().replace("cup", "mug"))
    campaign_id = entrance.submit(sheet).campaign_id
    entrance.start(campaign_id)
    [run] = [run for run in runs_of(deployed["campaign"].id) if campaign_id in run.tags]
    set_state(run, Pending())
    monkeypatch.setattr(leftovers, "SILENT_S", -1.0)
    assert entrance.start(campaign_id)
    assert [each.state.type for each in runs_of(deployed["campaign"].id) if each.id == run.id] == [StateType.CRASHED]
    assert entrance.start(campaign_id)
    assert len([each for each in runs_of(deployed["campaign"].id) if campaign_id in each.tags]) == 2


def test_stale_runs_are_ended_and_waiting_or_ended_runs_are_kept(deployed):
    states = {"left": Running(), "late": None, "done": Completed()}
    with get_client(sync_client=True) as client:
        runs = {name: client.create_flow_run_from_deployment(deployed["sweep"].id) for name in states}
    for name, state in states.items():
        if state:
            set_state(runs[name], state)
    assert leftovers.crash_stale_runs([deployed["sweep"].id]) == 1
    after = {run.id: run.state.type for run in runs_of(deployed["sweep"].id)}
    assert {name: after[run.id].value for name, run in runs.items()} == {
        "left": "CRASHED",
        "late": "SCHEDULED",
        "done": "COMPLETED",
    }


@pytest.mark.slow
def test_a_run_without_heartbeats_is_marked_as_crashed(deployed):
    """Real heartbeats come every 30 s, so the test sends the same events itself and the server waits a shorter time."""
    with get_client(sync_client=True) as client:
        runs = {
            name: client.create_flow_run_from_deployment(deployed["sweep"].id) for name in ("lost", "alive", "done")
        }
        foreign = client.create_flow_run(watch.watch, name="of another application")

    def state(run: Any) -> str:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run.id).state.type.value

    zombies.install_crash_automation(timedelta(seconds=12))
    try:
        for run in (*runs.values(), foreign):
            set_state(run, Running())
            beat(run)
        set_state(runs["done"], Completed())
        assert awaited(lambda: beat(runs["alive"]) or state(runs["lost"]) == "CRASHED", 60)
        assert {name: state(run) for name, run in runs.items()} == {
            "lost": "CRASHED",
            "alive": "RUNNING",
            "done": "COMPLETED",
        }
        assert state(foreign) == "RUNNING"
    finally:
        zombies.install_crash_automation()
        for run in (runs["alive"], foreign):
            set_state(run, Cancelled())
    with get_client(sync_client=True) as client:
        [told] = client.read_automations_by_name(zombies.NAME)
    assert told.trigger.within == zombies.SILENT, "the automation was not updated"


def test_all_deployed_runs_send_heartbeats(deployed):
    for each in deployed.values():
        assert each.job_variables["env"] == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}


def beaten() -> set[UUID]:
    """Return the flow runs of which the server has stored a heartbeat."""
    with get_client(sync_client=True) as client:
        events = client._client.post("/events/filter", json={"filter": {"event": {"name": [zombies.BEAT]}}}).json()
    names = [each["resource"]["prefect.resource.id"] for each in events["events"]]
    return {UUID(name.removeprefix("prefect.flow-run.")) for name in names}


def beat(run: Any) -> None:
    """Send a heartbeat with Prefect's own engine."""
    engine = FlowRunEngine(flow=watch.watch, flow_run=run)
    engine._emit_flow_run_heartbeat()


def test_a_single_machine_serves_the_deployments_of_its_settings(full_prefect_server, home: Path):
    bare = {each.name: each for each in deployments.local_deployments(load_settings())}
    assert {name: len(each.schedules) for name, each in bare.items()} == {
        "campaign": 0,
        "steer": 0,
        "stock": 0,
        "sweep": 1,
        "watch": 0,
    }
    night = {
        each.name: each
        for each in deployments.local_deployments(
            load_settings(stock=str(REPO / "examples" / "stock.csv"), stock_cron="15 1 * * *", timezone="Europe/Berlin")
        )
    }
    [item] = night["stock"].schedules
    assert (item.schedule.cron, item.schedule.timezone) == ("15 1 * * *", "Europe/Berlin")
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert deployments.next_run_lines([night["stock"]], now) == ["stock runs next at 2026-11-28 01:15 Europe/Berlin"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sweep_cron": "every day"}, "'every day' is not a valid cron expression. Set REELMILL_SWEEP_CRON"),
        ({"timezone": "Mars/Olympus"}, "Unknown time zone 'Mars/Olympus'. Set REELMILL_TIMEZONE"),
    ],
)
def test_a_wrong_schedule_is_refused(full_prefect_server, home: Path, wrong: dict[str, str], said: str):
    with pytest.raises(SettingsError, match=said):
        deployments.local_deployments(load_settings(**wrong))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stock_until": "half past six"}, "'half past six' is not a valid time of day"),
        ({"stock_budget_money": 5.0}, "REELMILL_STOCK_BUDGET_MONEY needs a price"),
        ({"stock": "nothing.csv"}, "There is no stock sheet 'nothing.csv'"),
        ({"stock": str(REPO / "examples" / "spring.csv")}, "The nightly run cannot use the sheet in REELMILL_STOCK"),
    ],
)
def test_a_nightly_run_that_cannot_start_is_refused_in_advance(
    full_prefect_server, home: Path, wrong: dict[str, Any], said: str
):
    with pytest.raises(SettingsError, match=said):
        deployments.local_deployments(load_settings(**{"stock": str(REPO / "examples" / "stock.csv"), **wrong}))


def test_an_unreachable_stock_sheet_does_not_stop_the_deployments(full_prefect_server, home: Path, capsys):
    deployments.local_deployments(
        load_settings(
            stock="s3://sheets/stock.csv",
            bucket_endpoint="http://127.0.0.1:9",
            bucket_region="us-east-1",
            bucket_access_key="a",
            bucket_secret_key="b",
        )
    )
    assert "The stock sheet could not be checked" in capsys.readouterr().err


def runs_of(deployment_id: Any) -> list[Any]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_run_filter=FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]))
        )


def awaited(found: Any, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := found()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return result


def test_changed_schedules_of_nightly_runs_reach_the_deployment(deployed, home: Path):
    stock_sheet = str(REPO / "examples" / "stock.csv")
    settings = load_settings(stock=stock_sheet, stock_cron="0 23 * * *")
    catalogue = catalogue_of(resources_of(settings))

    def there() -> dict[str, tuple[str, bool, dict[str, Any]]]:
        with get_client(sync_client=True) as client:
            schedules = client.read_deployment_by_name("stock/stock").schedules
        return {each.slug: (each.schedule.cron, each.active, each.parameters) for each in schedules}

    weekdays = NightSchedule("weekdays", "s3://sheets/stock.csv", "0 22 * * 1-5", "UTC", until="06:00", budget_h=2.0)
    catalogue.night_schedules.add(weekdays, "ann")
    assert nights.apply_schedules(settings, catalogue)
    assert not nights.apply_schedules(settings, catalogue), "nothing has changed since"
    parameters = {
        "sheet": "s3://sheets/stock.csv",
        "until": "06:00",
        "budget_h": 2.0,
        "settings": {"timezone": "UTC"},
    }
    assert there() == {"settings": ("0 23 * * *", True, {}), "weekdays": ("0 22 * * 1-5", True, parameters)}
    catalogue.night_schedules.set_active("weekdays", False, "ann")
    catalogue.night_schedules.set_active("settings", False, "ann")
    assert nights.apply_schedules(settings, catalogue)
    assert [active for _, active, _ in there().values()] == [False, False]
    catalogue.night_schedules.remove("weekdays", "ann")
    assert nights.apply_schedules(settings, catalogue)
    assert there() == {"settings": ("0 23 * * *", False, {})}
    served = {each.name: each for each in deployments.local_deployments(settings)}
    assert [(each.slug, each.active) for each in served["stock"].schedules] == [("settings", False)]
    assert nights.start_now(weekdays)
    [run] = [run for run in runs_of(deployed["stock"].id) if run.parameters.get("sheet") == "s3://sheets/stock.csv"]
    assert run.parameters["budget_h"] == 2.0
