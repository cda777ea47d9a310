"""Alerts for flow runs that have ended without saying so themselves: crashed, cancelled, or failed before their run.

Called by the process that serves the deployments, by the watch flow and by the sweep flow, because a process that was
killed reports nothing.
"""

import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectException

from adapters.catalogue import Catalogue
from adapters.catalogue.work.runs import LOST, RunRow
from flows.runtime.run import DIED, FLOW_RUN, STOPPED_BY_SIGNAL
from manifests.errors import ReelmillError
from tasks.alerts import alerts
from tasks.runtime.lease_owner import is_alive, is_dead

TAG = "reelmill"
RECENT_S = 24 * 3600.0
GRACE_S = 120.0
"""A campaign that is restarted within this time needs no alert."""
LIMIT = 200
MAX_ROWS = 1000
ENDINGS = {StateType.FAILED: "has failed", StateType.CRASHED: "has crashed", StateType.CANCELLED: "was cancelled"}
FLOWS = ("campaign", "stock", "sweep", "watch", "steer")
OVERLAPPING = ("sweep", "watch")
"""Flows of which a second run is cancelled on purpose: the next one is due soon."""
AGAIN_AT_NIGHT = (
    "Run it again with `reelmill stock`. If another nightly run was still running, give the two different times."
)

log = logging.getLogger(__name__)
_reported: set[Any] = set()


def report_ended_flow_runs(catalogue: Catalogue, review_url: str = "") -> int:
    """Create an alert for each such flow run of the last day; return how many were created.

    A Prefect server or a catalogue that does not respond is ignored: the next call reports the same flow runs.
    """
    try:
        return sum(_report(catalogue, flow, run, review_url) for flow, run in _ended())
    except (httpx.HTTPError, PrefectException, OSError, ReelmillError) as error:
        log.debug("Ended flow runs cannot be reported at the moment: %s", error)
        return 0


def message_of(state: Any) -> str:
    """Return the message of a flow run's state in one line, without Prefect's introduction."""
    line = ((state.message or "").strip().splitlines() or [""])[0]
    line = re.sub(r"^Flow run encountered an exception: ", "", line)
    return re.sub(r"^\w+(Error|Exception): ", "", line)[:500].rstrip(".")


def _ended() -> Iterator[tuple[str, FlowRun]]:
    chosen = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[TAG]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(ENDINGS))),
    )
    with get_client(sync_client=True) as client:
        for flow in FLOWS:
            for run in client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                flow_run_filter=chosen,
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=LIMIT,
            ):
                if run.id not in _reported and run.state and _age_s(run) < RECENT_S:
                    yield flow, run


def _age_s(run: FlowRun) -> float:
    assert run.state
    return time.time() - run.state.timestamp.timestamp()


def _report(catalogue: Catalogue, flow: str, run: FlowRun, review_url: str) -> bool:
    assert run.state
    if row := _row_of(catalogue, run):
        return _report_row(catalogue, flow, run, row, review_url)
    _reported.add(run.id)
    if flow in OVERLAPPING:
        if run.state.type == StateType.CANCELLED:
            return False
        return alerts.flow_run_ended(catalogue, "", _text_of(flow, run))  # without an id: once a day for one problem
    return alerts.flow_run_ended(catalogue, str(run.id), _text_of(flow, run), _campaign_of(catalogue, run))


def _report_row(catalogue: Catalogue, flow: str, run: FlowRun, row: RunRow, review_url: str) -> bool:
    """Report a flow run that has a run in the catalogue, which reports its own end unless it was killed or stopped."""
    assert run.state
    is_waiting = _age_s(run) < GRACE_S
    if not row.ended_at and (is_alive(row.owner) or (is_waiting and not is_dead(row.owner))):
        return False  # its end is about to be recorded
    if not row.ended_at:
        catalogue.runs.end(row.run_id, LOST, DIED)
    was_lost = not row.ended_at or row.outcome == LOST
    was_stopped = not was_lost and row.detail.get("why") == STOPPED_BY_SIGNAL
    was_cancelled = run.state.type == StateType.CANCELLED
    if was_stopped and not was_cancelled and is_waiting:
        return False  # `reelmill up` was stopped, and is perhaps being restarted
    _reported.add(run.id)
    is_continued = catalogue.runs.all(row.campaign_id, limit=1)[0].run_id != row.run_id
    if is_continued or not (was_lost or was_stopped):
        return False
    if was_lost:
        return alerts.run_lost(catalogue, row, review_url)
    return alerts.flow_run_ended(catalogue, str(run.id), _text_of(flow, run), row.campaign_id)


def _text_of(flow: str, run: FlowRun) -> str:
    """Return the text of the alert: what has ended, how, why, and what to do."""
    assert run.state
    sheet, campaign_id = (str(run.parameters.get(name) or "") for name in ("sheet", "campaign_id"))
    again = f"Resume with `reelmill resume {campaign_id}`." if campaign_id else "Fix the cause and start it again."
    what, advice = {
        "campaign": (f"The campaign {campaign_id or sheet} (flow run {run.name})", again),
        "stock": (f"The nightly run{f' of {sheet}' if sheet else ''} (flow run {run.name})", AGAIN_AT_NIGHT),
        "sweep": ("The sweeper", ""),
        "watch": ("The check of the watched place", ""),
    }.get(flow, (f"The flow {flow} (flow run {run.name})", ""))
    why = message_of(run.state)
    return f"{what} {ENDINGS[run.state.type]}{f': {why}' if why else ''}. {advice}".strip()


def _row_of(catalogue: Catalogue, run: FlowRun) -> RunRow | None:
    """Return the run in the catalogue that belongs to a flow run."""
    rows = catalogue.runs.all(_campaign_of(catalogue, run) or None, limit=MAX_ROWS)
    return next((row for row in rows if row.detail.get(FLOW_RUN) == str(run.id)), None)


def _campaign_of(catalogue: Catalogue, run: FlowRun) -> str:
    """Return the campaign of a flow run, if its parameter names one that exists."""
    try:
        given = str(run.parameters.get("campaign_id") or "")
        return catalogue.campaigns.get(given).campaign_id if given else ""
    except ReelmillError:
        return ""
