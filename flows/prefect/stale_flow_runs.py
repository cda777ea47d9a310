"""Mark flow runs as crashed that Prefect considers running although their process or machine has died."""

import time
from collections.abc import Iterable
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

BEGUN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
PAGE = 100
SILENT_S = 600.0
"""Drivers send a heartbeat every ten seconds, but the first one may take longer with a million variants."""


def crash_stale_runs(deployments: Iterable[UUID]) -> int:
    """Mark unfinished flow runs of these deployments as crashed and return their number.

    Only correct if no process runs any of them.
    """
    chosen = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=BEGUN)),
    )
    ended = 0
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(flow_run_filter=chosen, limit=PAGE):
            for run in runs:
                client.set_flow_run_state(run.id, Crashed(message="The process of this flow run has died."), force=True)
            ended += len(runs)
    return ended


def is_final(run: FlowRun) -> bool:
    """Return whether a flow run has ended."""
    return run.state is not None and run.state.is_final()


def crash_silent_runs(runs: Iterable[FlowRun], heard_at: float) -> int:
    """Mark started flow runs without a heartbeat for SILENT_S as crashed; return their number.

    Args:
        heard_at: time of the last heartbeat of the campaign's driver in the catalogue, in seconds since 1970.
    """
    ended = 0
    for run in runs:
        state = run.state
        if state is None or state.type not in BEGUN:
            continue  # a flow run may wait for a worker indefinitely
        if time.time() - max(heard_at, state.timestamp.timestamp()) > SILENT_S:
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(run.id, Crashed(message="The heartbeat has stopped."), force=True)
            ended += 1
    return ended
