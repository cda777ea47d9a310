"""Blind second reviews: the page shows the clip and its prompt, but no score and no earlier decision."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from adapters.catalogue import REVIEW_CODES
from app.dashboard.auth.roles import Reviewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.deps import PageDeps
from app.dashboard.middleware.input_text import reason_of
from app.dashboard.templating import page
from manifests.errors import ReelmillError
from manifests.states import State

router = APIRouter(route_class=LimitedRoute)
MAX_LISTED = 60


@router.get("/second-review")
def second_review(request: Request, deps: PageDeps, person: Reviewer, campaign: str = "") -> HTMLResponse:
    """Show the next clip that needs a second review."""
    campaigns = [row for row in deps.catalogue.campaigns.all() if row.second_share]
    waiting = [
        deps.catalogue.blind_reviews.pending(row.campaign_id, person.actor, MAX_LISTED)
        for row in campaigns
        if campaign in ("", row.campaign_id)
    ]
    queue = [key for keys in waiting for key in keys]
    more = " or more" if any(len(keys) == MAX_LISTED for keys in waiting) else ""
    row = deps.catalogue.variants.get(queue[0]) if queue else None
    return page(
        request,
        "second.html",
        row=row,
        campaign=campaign,
        campaigns=campaigns,
        left=f"{len(queue)}{more}",
        codes=REVIEW_CODES,
    )


@router.post("/second-review")
def save_review(
    deps: PageDeps,
    person: Reviewer,
    variant_id: Annotated[str, Form()] = "",
    outcome: Annotated[str, Form()] = "",
    codes: Annotated[list[str] | None, Form()] = None,
    reason: Annotated[str, Form()] = "",
    campaign: Annotated[str, Form()] = "",
) -> Response:
    """Save a second review and show the next clip."""
    if outcome not in (State.APPROVED, State.REJECTED):
        raise ReelmillError(f"{outcome!r} is not a valid review. Use approved or rejected.")
    deps.catalogue.blind_reviews.add(variant_id, person.actor, outcome, codes or [], reason_of(reason))
    known = {row.campaign_id for row in deps.catalogue.campaigns.all()}
    return RedirectResponse("/second-review" + (f"?campaign={campaign}" if campaign in known else ""), 303)
