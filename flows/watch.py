"""The watch flow: start a campaign for each new sheet in a folder or bucket."""

import argparse
import time
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment

from adapters.inbox import open_inbox
from flows.prefect.ended_flow_runs import ENDINGS, message_of, report_ended_flow_runs
from flows.prefect.server_errors import server_errors
from flows.prefect.stale_flow_runs import crash_silent_runs, is_final
from flows.runtime.alert_delivery import delivering_alerts
from flows.runtime.parameters import settings_given
from flows.runtime.process_setup import process_settings
from flows.runtime.resources import resources_of
from flows.settings import Settings
from flows.submit import Submission, submit
from manifests.errors import ReelmillError, SettingsError
from tasks.intake.sources.sheet_store import SheetStore
from tasks.runtime.resources import Resources, catalogue_of
from tasks.watch.receipt_seal import ReceiptSeal
from tasks.watch.watch import Watch

DEPLOYMENT = "campaign/campaign"
EVENT = "reelmill.sheet.arrived"
RESOURCE = "reelmill.inbox.*"
PASSES = 4
PAUSE_S = 3.0
MAX_CRASHES = 5
"""Maximum number of crashed flow runs of a campaign, after which it is not restarted."""


class DeploymentStarter:
    """Submits sheets and starts their campaigns as runs of the Prefect deployment of the campaign flow."""

    def __init__(self, settings: Settings, resources: Resources, dashboard: str) -> None:
        self._settings = settings
        self._resources = resources
        self._dashboard = (settings.review_url or dashboard).rstrip("/")

    def submit(self, sheet: Path) -> Submission:
        """Check a sheet and register its campaign."""
        good_rows = self._settings.watch_accept_good_rows
        return submit(self._settings, self._resources, sheet, accept_good_rows=good_rows, wait_for_pictures=True)

    def start(self, campaign_id: str) -> bool:
        """Start a flow run, unless one is in progress or the last one ended without a crash.

        Returns:
            False if nothing is left to do: it is finished, or it failed and a person must check it.
        """
        if self._is_settled(campaign_id):
            return False
        with server_errors(DEPLOYMENT):
            runs = _flow_runs(campaign_id)
            if any(not is_final(run) for run in runs):
                beats = [run.beat_at for run in catalogue_of(self._resources).runs.all(campaign_id, limit=1)]
                crash_silent_runs(runs, max(beats, default=0.0))
                return True
            if (runs and not _latest(runs).is_crashed()) or len(runs) > MAX_CRASHES:
                return False
            # The key ensures that two watchers, or a restarted one, start only one run.
            run_deployment(
                DEPLOYMENT,
                parameters={"campaign_id": campaign_id},
                timeout=0,
                as_subflow=False,
                tags=[campaign_id],
                idempotency_key=f"arrived {campaign_id} {len(runs)}",
            )
        return True

    def failure(self, campaign_id: str) -> str:
        """Return how the last flow run ended if it was not completed; empty without one."""
        with server_errors(DEPLOYMENT):
            runs = _flow_runs(campaign_id)
        state = _latest(runs) if runs else None
        if state is None or state.is_completed() or not state.is_final():
            return ""
        why = message_of(state)
        return (
            f"The flow run {runs[0].name} {ENDINGS[state.type]}{f': {why}' if why else ''}. {self._again(campaign_id)}"
        )

    def _again(self, campaign_id: str) -> str:
        return f"Fix the cause, then start it with `reelmill resume {campaign_id}`."

    def link(self, campaign_id: str) -> str:
        """Return the campaign's page on the dashboard."""
        return f"{self._dashboard}/campaigns/{campaign_id}" if self._dashboard else ""

    def _is_settled(self, campaign_id: str) -> bool:
        catalogue = catalogue_of(self._resources)
        last = catalogue.runs.all(campaign_id, limit=1)
        return catalogue.steering.standing(campaign_id) != "active" or any(run.outcome == "finished" for run in last)


def _flow_runs(campaign_id: str) -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[campaign_id])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=MAX_CRASHES + 1,
        )


def _latest(runs: list[FlowRun]) -> Any:
    return runs[0].state


def watch_of(settings: Settings, dashboard: str = "") -> Watch:
    """Return the watcher of the configured location.

    Raises:
        SettingsError: no location is set.
    """
    if not settings.watch:
        raise SettingsError("No location is watched. Set REELMILL_WATCH to a folder or to s3://name/prefix.")
    resources = resources_of(settings)
    bucket = resources.bucket
    inbox = open_inbox(
        settings.watch,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key=bucket.access_key,
        secret_key=bucket.secret_key,
    )
    starter = DeploymentStarter(settings, resources, dashboard)
    seal = ReceiptSeal(resources.audit_key)
    return Watch(inbox, seal, catalogue_of(resources), starter, SheetStore(settings.home).uploads)


@flow(name="watch", persist_result=False)
def watch(dashboard: str = "", settings: dict[str, Any] | None = None) -> list[str]:
    """Poll the watched location once, and again after a pause if a file may still be incomplete.

    Args:
        dashboard: URL of the dashboard, if the setting ``review_url`` is empty.
        settings: overrides by setting name.

    Returns:
        What happened, in sentences.

    Raises:
        ReelmillError: the location cannot be read.
    """
    loaded = settings_given(settings)
    watcher, catalogue = watch_of(loaded, dashboard), catalogue_of(resources_of(loaded))
    with delivering_alerts(loaded, catalogue):
        report_ended_flow_runs(catalogue, loaded.review_url)
        lines = watcher.poll()
        for _ in range(PASSES - 1):
            if watcher.has_pending:
                time.sleep(PAUSE_S)
                lines += watcher.poll()
    return lines


def keep_watching(settings: Settings, dashboard: str) -> None:
    """Poll forever and print what happens; after an error, polling continues, and the same error is printed once."""
    watcher = watch_of(settings, dashboard)
    with delivering_alerts(settings, catalogue_of(resources_of(settings))):
        _poll_forever(settings, watcher)


def _poll_forever(settings: Settings, watcher: Watch) -> None:
    reported = ""
    while True:
        try:
            lines, reported = watcher.poll(), ""
        except ReelmillError as error:
            lines, reported = ([] if reported == str(error) else [str(error)]), str(error)
        for line in lines:
            print(line, flush=True)
        time.sleep(settings.watch_s)


def main() -> None:
    """Run the watcher as a separate process: ``python -m flows.watch --dashboard URL``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dashboard", default="")
    options = parser.parse_args()
    with process_settings() as settings:
        keep_watching(settings, options.dashboard)


if __name__ == "__main__":
    main()
