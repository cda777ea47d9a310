"""Compare two to four clips side by side, played in sync."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from adapters.catalogue import REVIEW_CODES
from app.dashboard.auth.roles import Viewer
from app.dashboard.campaign_buckets import campaign_of
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.deps import PageDeps
from app.dashboard.filters import PageQuery
from app.dashboard.not_needed import not_needed_of
from app.dashboard.templating import page
from manifests.errors import ReelmillError

router = APIRouter(route_class=LimitedRoute)
MAX_CLIPS = 4


@router.get("/compare")
def compare(
    request: Request,
    deps: PageDeps,
    person: Viewer,
    query: PageQuery,
    id: Annotated[list[str] | None, Query()] = None,
    size: Annotated[int, Query(ge=2, le=MAX_CLIPS)] = MAX_CLIPS,
    of: str = "",
    after: str = "",
    before: str = "",
) -> Response:
    """Compare the given clips, or page through the clips of a brief; ``of`` selects the brief of a clip."""
    if of and (name := campaign_of(deps, deps.catalogue.variants.get(of), query.filter.campaign)):
        [member, *_] = deps.catalogue.campaigns.memberships(name, [of])
        return RedirectResponse(f"/compare?{urlencode({'campaign': name, 'brief': member.brief_id})}", 303)
    if id:
        rows, earlier, later = deps.catalogue.gallery.rows(id[:MAX_CLIPS]), None, None
    else:
        found = deps.catalogue.gallery.page(
            query.filter, query.order, after=after or None, before=before or None, limit=size
        )
        rows, earlier, later = list(found.rows), found.before, found.after
    if len(rows) < 1:
        raise ReelmillError("No clips to compare. Select two to four clips in the gallery with X.")
    fps = rows[0].variant.fps  # the player steps by the frames of the first clip; models may have different rates
    steps = max(round(row.variant.num_frames * fps / row.variant.fps) for row in rows)
    return page(
        request,
        "compare.html",
        steps=steps,
        rows=rows,
        not_needed=not_needed_of(deps, rows),
        query=query,
        size=size,
        earlier=earlier,
        later=later,
        codes=REVIEW_CODES,
    )
