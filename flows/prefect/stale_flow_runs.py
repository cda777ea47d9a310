"""Flow runs that Prefect calls running and that nobody runs: their process, or the whole machine, has died."""

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
"""A campaign's driver beats every ten seconds; before its first beat it may look through a million variants."""


def end_leftovers(deployments: Iterable[UUID]) -> int:
    """Call those of these deployments crashed; right only where nobody executes any just now. Return how many."""
    chosen = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=list(deployments)),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=BEGUN)),
    )
    ended = 0
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(flow_run_filter=chosen, limit=PAGE):
            for run in runs:
                client.set_flow_run_state(run.id, Crashed(message="Whoever ran it has died."), force=True)
            ended += len(runs)
    return ended


def is_final(run: FlowRun) -> bool:
    """True where a flow run has ended."""
    return run.state is not None and run.state.is_final()


def end_silent(runs: Iterable[FlowRun], heard_at: float) -> int:
    """Call those crashed that have begun and of which nothing was heard for SILENT_S; return how many.

    Args:
        heard_at: when the catalogue last heard of the campaign's driver, seconds since 1970.
    """
    ended = 0
    for run in runs:
        state = run.state
        if state is None or state.type not in BEGUN:
            continue  # what waits for a worker waits as long as it must
        if time.time() - max(heard_at, state.timestamp.timestamp()) > SILENT_S:
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(run.id, Crashed(message="Nothing was heard of it any more."), force=True)
            ended += 1
    return ended
