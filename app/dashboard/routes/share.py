"""Share links: a read-only page of one campaign for anyone with the link."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from adapters.catalogue import Filter
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.routes.media import MediaNotFoundError, clip_response, file_slot, poster_response
from app.dashboard.templating import page
from manifests.errors import CatalogueError
from manifests.states import State

log = logging.getLogger(__name__)
router = APIRouter(route_class=LimitedRoute)
SHOWN = (State.APPROVED, State.SIGNING, State.PUBLISHED)
"""A share link shows clips that were approved by a person or by the campaign's review policy."""
NOT_AVAILABLE = "The clips of this link cannot be shown at the moment. Ask the person who sent it to you."
LINK_EXPIRED = "This link has expired or was revoked. Ask for a new link."


@router.get("/share/{secret}")
def share(request: Request, secret: str, deps: PageDeps, after: str = "") -> HTMLResponse:
    """Show the campaign's approved clips."""
    campaign = _campaign(deps, secret)
    found = deps.catalogue.gallery.page(Filter(campaign=campaign, states=SHOWN), after=after or None)
    visible = _visible(deps, campaign, [row.variant_id for row in found.rows])
    shown = found._replace(rows=tuple(row for row in found.rows if row.variant_id in visible))
    return page(request, "share.html", secret=secret, shown=shown, campaign=deps.catalogue.campaigns.get(campaign))


@router.get("/share/{secret}/media/{variant_id}/{kind}", dependencies=[Depends(file_slot)])
@does(Work.MEDIA)
def media(secret: str, variant_id: str, kind: str, deps: PageDeps) -> Response:
    """Return a clip or poster of the shared campaign."""
    campaign = _campaign(deps, secret)
    if kind not in ("clip", "poster") or not _visible(deps, campaign, [variant_id]):
        raise MediaNotFoundError("This link does not include the clip.")
    row = deps.catalogue.variants.get(variant_id)
    return clip_response(deps, row) if kind == "clip" else poster_response(deps, variant_id)


def _visible(deps: Deps, campaign: str, variant_ids: Collection[str]) -> set[str]:
    """Return the clips of a campaign whose approval is proven.

    A row alone is not enough: with write access to the database, anyone could add clips of other campaigns to the link.
    """
    members = deps.catalogue.campaigns.memberships(campaign, variant_ids, genuine=True)
    with _no_reasons():
        return deps.catalogue.approval_proofs.proven({member.variant_id for member in members})


def _campaign(deps: Deps, secret: str) -> str:
    with _no_reasons():
        campaign = deps.catalogue.share_links.campaign_of(secret)
    if campaign is None:
        raise MediaNotFoundError(LINK_EXPIRED)
    return campaign


@contextmanager
def _no_reasons() -> Iterator[None]:
    """Log why nothing can be shown; visitors only learn that it is so."""
    try:
        yield
    except CatalogueError as error:
        log.error("A share link shows nothing: %s", error)
        raise MediaNotFoundError(NOT_AVAILABLE) from None
