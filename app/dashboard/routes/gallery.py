"""The gallery: clips as cards, with filters, order and pages."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from adapters.catalogue import REVIEW_CODES, STATES, Filter
from adapters.catalogue.views.gallery import ORDERS, PAGE
from app.dashboard.auth.roles import Reviewer, Viewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.filters import GalleryQuery, PageQuery, parse_query
from app.dashboard.not_needed import not_needed_of
from app.dashboard.templating import page
from manifests.errors import ReelmillError
from manifests.scoring.gate import REASON_LABELS
from manifests.states import State

router = APIRouter(route_class=LimitedRoute)
GATE_CODES = tuple(REASON_LABELS)
ORDER_NAMES = {"score": "highest score", "-score": "lowest score", "newest": "newest first", "oldest": "oldest first"}
MAX_NAME_LENGTH = 60


@router.get("/gallery")
def gallery(
    request: Request, deps: PageDeps, person: Viewer, query: PageQuery, after: str = "", before: str = ""
) -> HTMLResponse:
    """Show a page of clips; HTMX requests get only the results."""
    shown = deps.catalogue.gallery.page(
        query.filter, query.order, after=after or None, before=before or None, limit=PAGE
    )
    context: dict[str, Any] = {
        "query": query,
        "shown": shown,
        "codes": REVIEW_CODES,
        "not_needed": not_needed_of(deps, shown.rows),
    }
    if request.headers.get("HX-Request"):
        response = page(request, "_results.html", **context)
    else:
        response = page(
            request,
            "gallery.html",
            **context,
            **_choices(deps, query),
            views=deps.catalogue.saved_views.all(person.name),
        )
    response.headers["Vary"] = "HX-Request"
    return response


@router.get("/gallery/count")
@does(Work.COUNTS)
def count(request: Request, deps: PageDeps, person: Viewer, query: PageQuery) -> HTMLResponse:
    """Return the number of matching clips; loaded after the page, because counting can be slow."""
    return page(request, "_count.html", count=deps.count(query.filter), query=query)


@router.get("/gallery/waiting")
@does(Work.COUNTS)
def waiting(deps: PageDeps, person: Reviewer) -> PlainTextResponse:
    """Return the number of clips to review for the menu; empty if there are none."""
    found = deps.count(Filter(states=(State.PASSED,), reviewed="no"))
    return PlainTextResponse(f"{found.number:,}{'+' if found.more else ''}" if found.number else "")


@router.get("/gallery/cards")
def card_updates(
    request: Request, deps: PageDeps, person: Viewer, id: Annotated[list[str] | None, Query()] = None
) -> Response:
    """Return the current cards of clips, for pages that poll clips while they are published."""
    rows = deps.catalogue.gallery.rows((id or [])[:PAGE])
    return page(request, "_cards.html", rows=rows, not_needed=not_needed_of(deps, rows))


@router.get("/gallery/view")
def saved_view(deps: PageDeps, person: Viewer, name: str = "") -> Response:
    """Redirect to a saved view."""
    for saved in deps.catalogue.saved_views.all(person.name):
        if saved.name == name:
            return RedirectResponse(f"/gallery?{parse_query(saved.query).query_string}", 303)
    raise ReelmillError(f"The saved view {name!r} does not exist. The gallery lists your saved views.")


@router.post("/views")
def save_view(
    deps: PageDeps,
    person: Viewer,
    query: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    drop: Annotated[str, Form()] = "",
) -> Response:
    """Save the filters of the gallery under a name, or delete a saved view."""
    filters = parse_query(query)
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME_LENGTH:
        raise ReelmillError(f"Enter a name of 1 to {MAX_NAME_LENGTH} characters for the view.")
    if drop:
        deps.catalogue.saved_views.delete(person.name, name)
    else:
        deps.catalogue.saved_views.save(person.name, name, filters.query_string)
    return RedirectResponse(f"/gallery?{filters.query_string}", 303)


def _choices(deps: Deps, query: GalleryQuery) -> dict[str, Any]:
    facets: dict[str, list[str]] = deps.catalogue.gallery.facets(query.filter.campaign) if query.filter.campaign else {}
    return {
        "campaigns": deps.catalogue.campaigns.all(),
        "facets": facets,
        "states": STATES,
        "gate_codes": GATE_CODES,
        "models": sorted(deps.session.cards),
        "orders": {name: ORDER_NAMES[name] for name in ORDERS},
    }
