"""The steer flow: pause, cancel, resume or prioritise a campaign through Prefect."""

from typing import Annotated, Literal

from prefect import flow
from pydantic import Field

from adapters.catalogue import SYSTEM, Catalogue
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime.resources import catalogue_of
from tasks.runtime.steering import cancel_campaign, pause_campaign, resume_campaign

Action = Literal["pause", "cancel", "resume", "reopen"]
Priority = Annotated[int | None, Field(ge=-100, le=100)]
REASON = "requested through the steer flow"


@flow(name="steer", persist_result=False)
def steer(campaign_id: str, action: Action | None = None, priority: Priority = None) -> str:
    """Pause, cancel, resume or reopen a campaign, or set its priority; return its status. No run is started.

    It has its own deployment, because flow runs of the campaign deployment wait for each other.

    Args:
        campaign_id: id of the campaign, a unique prefix of it, or its name.
        action: ``resume`` ends a pause; ``reopen`` also ends a cancellation.
        priority: -100..100; None keeps it.

    Raises:
        CampaignCancelledError: the campaign is cancelled, and the action is not ``reopen``.
        CatalogueError: the campaign does not exist.
    """
    catalogue = catalogue_of(resources_of(load_settings()))
    found = catalogue.campaigns.get(campaign_id).campaign_id
    apply_action(catalogue, found, action, priority)
    return catalogue.steering.standing(found)


def apply_action(catalogue: Catalogue, campaign_id: str, action: str | None, priority: int | None) -> None:
    """Change the priority and the status of a campaign in the catalogue."""
    if priority is not None:
        catalogue.steering.set_priority(campaign_id, priority, SYSTEM)
    if action == "pause":
        pause_campaign(catalogue, campaign_id, SYSTEM, REASON)
    elif action == "cancel":
        cancel_campaign(catalogue, campaign_id, SYSTEM, REASON)
    elif action in ("resume", "reopen"):
        resume_campaign(catalogue, campaign_id, SYSTEM, reopen=action == "reopen")
