"""The steer flow: a word on a whole campaign, from wherever flows can be started."""

from typing import Annotated, Literal

from prefect import flow
from pydantic import Field

from adapters.catalogue import SYSTEM, Catalogue
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime.resources import catalogue_of
from tasks.runtime.steering import cancel_campaign, let_campaign_go_on, pause_campaign

Word = Literal["pause", "cancel", "resume", "reopen"]
Urgency = Annotated[int | None, Field(ge=-100, le=100)]
REASON = "said to a flow"


@flow(name="steer", persist_result=False)
def steer(campaign_id: str, action: Word | None = None, priority: Urgency = None) -> str:
    """Pause, cancel, resume or reopen a campaign, or say how urgent it is; return its standing.

    A deployment of its own, since those of campaigns wait for each other. It starts no run.

    Args:
        campaign_id: its id, a unique beginning of it, or its name.
        action: ``resume`` ends a pause, ``reopen`` a cancellation as well.
        priority: -100..100; None leaves it.

    Raises:
        CampaignCancelledError: another word than ``reopen``, for a campaign that is cancelled.
        CatalogueError: there is no such campaign.
    """
    catalogue = catalogue_of(resources_of(load_settings()))
    found = catalogue.campaigns.get(campaign_id).campaign_id
    say(catalogue, found, action, priority)
    return catalogue.steering.standing(found)


def say(catalogue: Catalogue, campaign_id: str, action: str | None, priority: int | None) -> None:
    """Pass the words on to the catalogue."""
    if priority is not None:
        catalogue.steering.set_priority(campaign_id, priority, SYSTEM)
    if action == "pause":
        pause_campaign(catalogue, campaign_id, SYSTEM, REASON)
    elif action == "cancel":
        cancel_campaign(catalogue, campaign_id, SYSTEM, REASON)
    elif action in ("resume", "reopen"):
        let_campaign_go_on(catalogue, campaign_id, SYSTEM, reopen=action == "reopen")
