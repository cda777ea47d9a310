"""The watch flow: sheets that arrive in a folder or a bucket start their campaigns."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectException

from adapters.inbox import open_inbox
from flows.prefect.stale_flow_runs import end_silent, is_final
from flows.runtime.parameters import settings_given
from flows.runtime.process_setup import program
from flows.runtime.resources import resources_of
from flows.settings import Settings
from flows.submit import submit
from manifests.errors import ReelmillError, SettingsError
from tasks.intake.sheet_store import SheetStore
from tasks.runtime.resources import Resources, catalogue_of
from tasks.watch.watch import Watch

DEPLOYMENT = "campaign/campaign"
EVENT = "reelmill.sheet.arrived"
RESOURCE = "reelmill.inbox.*"
PASSES = 4
PAUSE_S = 3.0
MOST_CRASHES = 5
"""Flow runs of a campaign that may crash one after the other before people have to look."""


class Entrance:
    """Registers sheets, and starts their campaigns as runs of the Prefect deployment of the campaign flow."""

    def __init__(self, settings: Settings, resources: Resources, dashboard: str) -> None:
        self._settings = settings
        self._resources = resources
        self._dashboard = (settings.review_url or dashboard).rstrip("/")

    def submit(self, sheet: Path) -> str:
        """Check a sheet, register its campaign and return the campaign's id."""
        return submit(self._settings, self._resources, sheet).campaign_id

    def start(self, campaign_id: str) -> bool:
        """Begin a flow run unless one goes on, or the last came to an end of its own; one that crashed is followed.

        Returns:
            False where nothing is left to see to: it is finished, or it failed and people have to look.
        """
        if self._is_settled(campaign_id):
            return False
        with _prefect_errors():
            runs = _flow_runs(campaign_id)
            if any(not is_final(run) for run in runs):
                beats = [run.beat_at for run in catalogue_of(self._resources).runs.all(campaign_id, limit=1)]
                end_silent(runs, max(beats, default=0.0))
                return True
            if (runs and not _latest(runs).is_crashed()) or len(runs) > MOST_CRASHES:
                return False
            # The key lets two watchers, or one that died meanwhile, begin one run only.
            run_deployment(
                DEPLOYMENT,
                parameters={"campaign_id": campaign_id},
                timeout=0,
                as_subflow=False,
                tags=[campaign_id],
                idempotency_key=f"arrived {campaign_id} {len(runs)}",
            )
        return True

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
            limit=MOST_CRASHES + 1,
        )


def _latest(runs: list[FlowRun]) -> Any:
    return runs[0].state


@contextmanager
def _prefect_errors() -> Iterator[None]:
    try:
        yield
    except ObjectNotFound as error:
        raise ReelmillError(
            f"Prefect has no deployment {DEPLOYMENT}; keep `reelmill up` running, or deploy it by "
            "`python -m flows.prefect.deployments --deploy`."
        ) from error
    except (httpx.HTTPError, PrefectException, OSError) as error:
        raise ReelmillError(f"Prefect's server does not answer ({type(error).__name__}).") from error


def watch_of(settings: Settings, dashboard: str = "") -> Watch:
    """Return the watcher of the place that the settings name.

    Raises:
        SettingsError: they name none.
    """
    if not settings.watch:
        raise SettingsError("No place is watched; set REELMILL_WATCH to a folder or to s3://name/prefix.")
    resources = resources_of(settings)
    place = resources.bucket
    inbox = open_inbox(
        settings.watch,
        endpoint=place.endpoint,
        region=place.region,
        access_key=place.access_key,
        secret_key=place.secret_key,
    )
    return Watch(
        inbox, catalogue_of(resources), Entrance(settings, resources, dashboard), SheetStore(settings.home).uploads
    )


@flow(name="watch", persist_result=False)
def watch(dashboard: str = "", settings: dict[str, Any] | None = None) -> list[str]:
    """Look at the watched place once, and again in a moment where a file may still be on its way.

    Args:
        dashboard: where the review dashboard is, if the setting ``review_url`` does not say so.
        settings: overrides by the names of Settings.

    Returns:
        What happened, in sentences.

    Raises:
        ReelmillError: the place cannot be looked at.
    """
    watcher = watch_of(settings_given(settings), dashboard)
    lines = watcher.poll()
    for _ in range(PASSES - 1):
        if watcher.has_pending:
            time.sleep(PAUSE_S)
            lines += watcher.poll()
    return lines


def keep_watching(settings: Settings, dashboard: str) -> None:
    """Look for ever, and print what happens; trouble is told once, and tried again."""
    watcher, told = watch_of(settings, dashboard), ""
    while True:
        try:
            lines, told = watcher.poll(), ""
        except ReelmillError as error:
            lines, told = ([] if told == str(error) else [str(error)]), str(error)
        for line in lines:
            print(line, flush=True)
        time.sleep(settings.watch_s)


def main() -> None:
    """The watcher as a process of its own: ``python -m flows.watch --dashboard URL``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dashboard", default="")
    options = parser.parse_args()
    with program() as settings:
        keep_watching(settings, options.dashboard)


if __name__ == "__main__":
    main()
