"""A Prefect automation that marks flow runs as crashed if their heartbeats stop.

On a single machine, the process that serves the deployments does this; see ``flows.prefect.stale_flow_runs``.
"""

from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "a run was lost"
BEAT = "prefect.flow-run.heartbeat"
"""Event of runs with PREFECT_FLOWS_HEARTBEAT_FREQUENCY in their environment; prefect.yaml sets it."""
ENDS = {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed")}
SILENT = timedelta(minutes=5)
"""Ten heartbeats, because some may get lost, for example during a restart of the server."""


def automation(silent: timedelta = SILENT) -> AutomationCore:
    """Return the automation, which applies to runs of our deployments that were silent for this long after a heartbeat.

    A run that is silent but alive continues, and its final state overrides the crash.
    """
    return AutomationCore(
        name=NAME,
        description="Marks runs without a heartbeat as crashed: their process or machine has died.",
        trigger=EventTrigger(
            after={BEAT},
            expect={BEAT, *ENDS},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=silent,
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification({"prefect.resource.id": "prefect.tag.reelmill"}),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                force=False,
                message="The heartbeat has stopped: the process has died.",
            )
        ],
    )


def install_crash_automation(silent: timedelta = SILENT) -> None:
    """Create the automation on the server, or update it if it exists."""
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(NAME)
        if known:
            client.update_automation(known[0].id, automation(silent))
        else:
            client.create_automation(automation(silent))
