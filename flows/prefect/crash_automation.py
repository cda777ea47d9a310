"""Flow runs whose process has died without a word: Prefect misses their heartbeat, and calls them crashed.

On one machine whoever serves the deployments sees it itself; see ``flows.prefect.stale_flow_runs``.
"""

from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "a run was lost"
BEAT = "prefect.flow-run.heartbeat"
"""Sent by runs in whose environment PREFECT_FLOWS_HEARTBEAT_FREQUENCY is set: prefect.yaml does it."""
ENDS = {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed")}
SILENT = timedelta(minutes=5)
"""Ten heartbeats, so that some may get lost, as with a server that is started again."""


def automation(silent: timedelta = SILENT) -> AutomationCore:
    """Return what ends a run of our deployments of which nothing was heard for so long after a heartbeat.

    A run that was silent and lives goes on, and ends as it would have.
    """
    return AutomationCore(
        name=NAME,
        description="A run's process or machine has died: its heartbeat is missing.",
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
                message="Its process has died: its heartbeat is missing.",
            )
        ],
    )


def watch_for_zombies(silent: timedelta = SILENT) -> None:
    """Have the server look for them; one that was told before is told anew."""
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(NAME)
        if known:
            client.update_automation(known[0].id, automation(silent))
        else:
            client.create_automation(automation(silent))
