"""Buttons of a campaign: pause, cancel, reopen and priority."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from adapters.catalogue.work.steering import MAX_PRIORITY, MIN_PRIORITY
from app.dashboard.auth.roles import Admin, Reviewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.middleware.input_text import reason_of
from manifests.errors import ReelmillError
from tasks.runtime.steering import cancel_campaign, pause_campaign, resume_campaign

router = APIRouter(route_class=LimitedRoute)


@router.post("/campaigns/{campaign_id}/pause")
def pause(campaign_id: str, deps: PageDeps, person: Reviewer, reason: Annotated[str, Form()] = "") -> Response:
    """Pause a campaign; clips in progress are finished."""
    campaign_id = deps.catalogue.campaigns.get(campaign_id).campaign_id
    pause_campaign(deps.catalogue, campaign_id, person.actor, reason_of(reason))
    return _back(deps, campaign_id)


@router.post("/campaigns/{campaign_id}/cancel")
def cancel(campaign_id: str, deps: PageDeps, person: Admin, reason: Annotated[str, Form()] = "") -> Response:
    """Cancel a campaign, including clips in progress."""
    campaign_id = deps.catalogue.campaigns.get(campaign_id).campaign_id
    cancel_campaign(deps.catalogue, campaign_id, person.actor, reason_of(reason))
    return _back(deps, campaign_id)


@router.post("/campaigns/{campaign_id}/reopen")
def reopen(campaign_id: str, deps: PageDeps, person: Admin) -> Response:
    """Reopen and resume a cancelled campaign."""
    campaign_id = deps.catalogue.campaigns.get(campaign_id).campaign_id
    resume_campaign(deps.catalogue, campaign_id, person.actor, reopen=True)
    deps.jobs.resume(campaign_id)
    return _back(deps, campaign_id)


@router.post("/campaigns/{campaign_id}/priority")
def priority(campaign_id: str, deps: PageDeps, person: Admin, number: Annotated[str, Form()] = "") -> Response:
    """Set the priority of a campaign."""
    campaign_id = deps.catalogue.campaigns.get(campaign_id).campaign_id
    deps.catalogue.steering.set_priority(campaign_id, _number(number), person.actor)
    return _back(deps, campaign_id)


def _number(text: str) -> int:
    """Parse a priority.

    Raises:
        ReelmillError: the text is not a valid priority.
    """
    try:
        number = int(text)
    except ValueError:
        number = MAX_PRIORITY + 1
    if not MIN_PRIORITY <= number <= MAX_PRIORITY:
        raise ReelmillError(
            f"The priority {text!r} is invalid. Enter a whole number from {MIN_PRIORITY} to {MAX_PRIORITY}; 0 is "
            "normal."
        )
    return number


def _back(deps: Deps, campaign_id: str) -> Response:
    deps.stats_cache.clear()
    return RedirectResponse(f"/campaigns/{campaign_id}", 303)
