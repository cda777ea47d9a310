"""Alerts by webhook, and events and artifacts in Prefect; a run never waits for them."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import samples
from webhook_server import Plan, webhook_server

from adapters.catalogue import Catalogue, open_catalogue
from adapters.notify.webhook import Webhook
from flows.campaign import campaign
from flows.prefect import prefect_events
from flows.prefect.artifacts import RunArtifacts, progress_text, showing_progress
from flows.runtime import alert_delivery
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from manifests.errors import CatalogueUnreachableError
from tasks.alerts import alerts
from tasks.runtime.resources import catalogue_of

pytestmark = pytest.mark.usefixtures("full_prefect_server")
LONG_S = 120.0


@pytest.fixture(autouse=True)
def listeners() -> Iterator[None]:
    before = list(alerts.listeners)
    yield
    alerts.listeners[:] = before


class FakeRun(NamedTuple):
    campaign_id: str
    outcome: str = "finished"


def settings_in(home: Path, **more: object) -> tuple[Settings, Catalogue]:
    settings = load_settings(home=home, **more)
    return settings, catalogue_of(resources_of(settings))


def test_the_alert_of_a_finished_run_is_retried_until_the_webhook_accepts_it(home, fake_models, sheet, monkeypatch):
    monkeypatch.setattr("tasks.alerts.alert_dispatcher.pause_s", lambda tries: 0.0)
    monkeypatch.setattr("adapters.catalogue.messages.alerts.PAUSES_S", (0.05,) * 6)
    with webhook_server(Plan(503), Plan(500), Plan()) as receiver:
        settings, catalogue = settings_in(home, alert_webhook=receiver.url)
        with alert_delivery.delivering_alerts(settings, catalogue):
            campaign_id = campaign(sheet=str(sheet))
            assert receiver.await_texts(3, seconds=60)[0].startswith(f"Campaign spring ({campaign_id}) has finished:")
        assert alert_delivery._threads[-1].join(30)
    [alert] = catalogue.alerts.all(kind="finished")
    assert alert.sent_at
    assert alert.tries == 3
    assert len(receiver.texts) == 3


def test_a_run_does_not_wait_for_a_webhook_that_hangs(home, fake_models, sheet, monkeypatch):
    with webhook_server(Plan(how="hang")) as receiver:
        monkeypatch.setattr(alert_delivery, "webhook_of", lambda _: Webhook(receiver.url, timeout_s=LONG_S))
        settings, catalogue = settings_in(home, alert_webhook=receiver.url)
        catalogue.alerts.add("before", "sweep", "something from before")
        began = time.monotonic()
        with alert_delivery.delivering_alerts(settings, catalogue):
            receiver.await_texts(1)
            campaign_id = campaign(sheet=str(sheet))
        assert time.monotonic() - began < LONG_S
        assert receiver.texts == ["something from before"], "the webhook received more than the first alert"
        assert [run.outcome for run in catalogue.runs.all(campaign_id)] == ["finished"]


def test_an_invalid_webhook_url_does_not_fail_a_run(home, caplog):
    settings, catalogue = settings_in(home, alert_webhook="hooks")
    with alert_delivery.delivering_alerts(settings, catalogue):
        pass
    assert "Alerts cannot be sent and are kept in the outbox: Invalid setting 'alert_webhook'" in caplog.text


ENDING = """
import sys, time
from adapters.catalogue import open_catalogue
from flows.runtime.alert_delivery import delivering_alerts
from flows.settings import load_settings
with open_catalogue(sys.argv[1]) as catalogue:
    with delivering_alerts(load_settings(alert_webhook=sys.argv[2], home=sys.argv[3]), catalogue):
        catalogue.alerts.add("key", "sweep", "the last")
    print(time.time(), flush=True)
"""


@pytest.mark.parametrize(("how", "is_sent"), [("answer", True), ("hang", False)])
def test_a_process_sends_its_last_alert_at_exit_and_does_not_wait_for_a_hanging_webhook(tmp_path, how, is_sent):
    url = f"sqlite:///{tmp_path / 'c.sqlite'}"
    with webhook_server(Plan(how=how)) as receiver:
        ended = subprocess.run(
            [sys.executable, "-c", ENDING, url, receiver.url.replace("127.0.0.1", "localhost"), tmp_path],
            check=True,
            timeout=120,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert time.time() - float(ended.stdout) < alert_delivery.LAST_S + 5
        assert receiver.texts == ["the last"]
    with open_catalogue(url) as catalogue:
        [alert] = catalogue.alerts.all()
    assert bool(alert.sent_at) == is_sent
    assert "Traceback" not in ended.stderr


def read(path: str, body: dict) -> dict:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client._client.post(path, json=body).json()


def test_an_alert_reaches_prefects_server_as_an_event(home):
    from prefect.events.worker import EventsWorker

    _, catalogue = settings_in(home)
    samples.filled(catalogue, 1)
    campaign_id = samples.campaign().campaign_id
    resource_id = f"reelmill.campaign.{campaign_id}"
    prefect_events.install()
    prefect_events.install()
    assert alerts.run_ended(catalogue, campaign_id, "run-1", "budget", "")
    EventsWorker.instance().wait_until_empty()
    deadline, found = time.monotonic() + 60, []
    while not found and time.monotonic() < deadline:
        events = read("/events/filter", {"filter": {"event": {"name": ["reelmill.alert.budget"]}}})["events"]
        found = [event for event in events if event["resource"]["prefect.resource.id"] == resource_id]
        time.sleep(0.2)
    [event] = found  # the server is shared: other tests may have sent such alerts of their campaigns
    assert event["payload"]["text"] == catalogue.alerts.all()[0].text
    assert event["payload"]["outcome"] == "budget"


def test_without_a_server_nothing_is_emitted(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setattr("prefect.events.emit_event", lambda **_: pytest.fail("emitted"))
    prefect_events.emit(alerts.AlertText("key", "sweep", None, "text", {}))


@pytest.fixture
def first_progress(monkeypatch) -> threading.Event:
    """An event that is set when the server has accepted the first artifact; only then a run waits for the last ones."""
    accepted = threading.Event()
    show_progress = RunArtifacts.show_progress

    def shown(artifacts: RunArtifacts) -> None:
        show_progress(artifacts)
        accepted.set()

    monkeypatch.setattr(RunArtifacts, "show_progress", shown)
    return accepted


def test_a_flow_run_shows_progress_states_and_a_link(home, first_progress):
    from prefect import flow

    settings, catalogue = settings_in(home, review_url="https://review.example/")
    ids = samples.filled(catalogue, 4)
    campaign_id = samples.campaign().campaign_id

    @flow(persist_result=False)
    def showing() -> None:
        with showing_progress(settings, resources_of(settings), FakeRun(campaign_id), beat_s=0.1):
            samples.bring_to(catalogue, ids[0], "published")
            samples.bring_to(catalogue, ids[1], "failed")
            assert first_progress.wait(60)

    showing()
    found = {each["key"]: each for each in read("/artifacts/filter", {"sort": "CREATED_DESC"})}
    assert found[f"progress-{campaign_id}"]["data"] == 50
    assert found[f"progress-{campaign_id}"]["description"] == "2 of 4 clips: 1 failed, 2 planned, 1 published"
    assert '"failed", "clips": 1' in found[f"states-{campaign_id}"]["data"]
    assert found[f"states-{campaign_id}"]["description"].startswith("Finished: 2 of 4 clips")
    assert f"https://review.example/campaigns/{campaign_id}" in found[f"review-{campaign_id}"]["data"]
    assert all(found[key]["flow_run_id"] for key in found if (key or "").endswith(campaign_id))


def test_a_failed_run_is_shown_as_failed(home, first_progress):
    from prefect import flow

    settings, catalogue = settings_in(home)
    samples.filled(catalogue, 1)
    campaign_id = samples.campaign().campaign_id

    @flow(persist_result=False)
    def failing() -> None:
        with showing_progress(settings, resources_of(settings), FakeRun(campaign_id), beat_s=0.1):
            assert first_progress.wait(60)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    tables = [
        each for each in read("/artifacts/filter", {"sort": "CREATED_DESC"}) if each["key"] == f"states-{campaign_id}"
    ]
    assert any(each["description"].startswith("Failed: 0 of 1 clips") for each in tables)


@pytest.mark.parametrize("error", [RuntimeError("no route"), CatalogueUnreachableError()])
def test_artifacts_that_cannot_be_written_are_given_up_without_failing_the_run(home, monkeypatch, error):
    from prefect import flow

    tries = []

    def refuse(_board: RunArtifacts) -> None:
        tries.append(time.monotonic())
        raise error

    settings, _ = settings_in(home)
    monkeypatch.setattr(RunArtifacts, "show_progress", refuse)

    @flow(persist_result=False)
    def showing() -> None:
        with showing_progress(settings, resources_of(settings), FakeRun("none"), beat_s=0.01):
            while len(tries) < 3:
                time.sleep(0.01)
            time.sleep(0.3)

    showing()
    assert len(tries) == 3


def test_outside_of_a_flow_run_no_artifacts_are_written(home, monkeypatch):
    settings, _ = settings_in(home)
    monkeypatch.setattr(RunArtifacts, "show_progress", lambda _: pytest.fail("shown"))
    with showing_progress(settings, resources_of(settings), FakeRun("none")):
        pass


def test_the_description_of_zero_clips():
    assert progress_text({}) == "0 of 0 clips: nothing planned"


def test_an_automation_of_the_operator_sends_notifications(home):
    """Run the example of docs/alerts.md with another block, because Slack's accepts no receiver on loopback."""
    from prefect.automations import Automation
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import EventTrigger

    with webhook_server() as receiver:
        block = CustomWebhookNotificationBlock(
            name="test",
            url=receiver.url,
            method="POST",
            timeout=10,
            json_data={"text": "{{body}}"},
            allow_private_urls=True,
        )
        block_id = block.save("reelmill-people", overwrite=True)
        automation = Automation(
            name="Reelmill's alerts",
            trigger=EventTrigger(
                expect={"reelmill.alert.*"},
                match={"prefect.resource.id": "reelmill.*"},
                posture="Reactive",
                threshold=1,
                within=0,
            ),
            actions=[SendNotification(block_document_id=block_id, subject="Reelmill", body="{{ event.payload.text }}")],
        ).create()
        try:
            _, catalogue = settings_in(home)
            prefect_events.install()
            deadline, number = time.monotonic() + 90, 0
            while (
                not receiver.texts and time.monotonic() < deadline
            ):  # the server needs a moment to load the automation
                number += 1
                assert alerts.sweep_problems(catalogue, [f"Bucket {number} is gone."])
                receiver.await_texts(1, seconds=5)
            assert receiver.texts[0].startswith("The sweeper found: Bucket")
        finally:
            automation.delete()
