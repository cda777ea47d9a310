"""Clips as cards: filtered, ordered, a page at a time."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from adapters.catalogue import REVIEW_CODES, STATES, Filter
from adapters.catalogue.views.gallery import ORDERS, PAGE
from app.dashboard.auth.roles import Reviewer, Viewer
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.filters import GalleryQuery, PageQuery, parse_query
from app.dashboard.templating import page
from manifests.errors import ReelmillError
from manifests.gate import LIMITS
from manifests.states import State

router = APIRouter()
GATE_CODES = ("adherence", "rank", "unscored", "generation", *(limit.code for limit in LIMITS.values()))
ORDER_NAMES = {"score": "best score", "-score": "worst score", "newest": "newest", "oldest": "oldest"}
LONGEST_NAME = 60


@router.get("/gallery")
def gallery(
    request: Request, deps: PageDeps, person: Viewer, query: PageQuery, after: str = "", before: str = ""
) -> HTMLResponse:
    """Show a page of clips; HTMX gets the results alone."""
    shown = deps.catalogue.gallery.page(
        query.filter, query.order, after=after or None, before=before or None, limit=PAGE
    )
    context: dict[str, Any] = {"query": query, "shown": shown, "codes": REVIEW_CODES}
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
def count(request: Request, deps: PageDeps, person: Viewer, query: PageQuery) -> HTMLResponse:
    """Say how many clips there are; asked for after the page is there, since it may take longer."""
    return page(request, "_count.html", count=deps.count(query.filter), query=query)


@router.get("/gallery/waiting")
def waiting(deps: PageDeps, person: Reviewer) -> PlainTextResponse:
    """Say how many clips wait for a person, for the menu; nothing where none does."""
    found = deps.count(Filter(states=(State.PASSED,), reviewed="no"))
    return PlainTextResponse(f"{found.number:,}{'+' if found.more else ''}" if found.number else "")


@router.get("/gallery/cards")
def cards(
    request: Request, deps: PageDeps, person: Viewer, id: Annotated[list[str] | None, Query()] = None
) -> Response:
    """Return cards as they are now, for a page that watches clips on their way to the bucket."""
    return page(request, "_cards.html", rows=deps.catalogue.gallery.rows((id or [])[:PAGE]))


@router.get("/gallery/view")
def saved_view(deps: PageDeps, person: Viewer, name: str = "") -> Response:
    """Lead to a saved view."""
    for saved in deps.catalogue.saved_views.all(person.name):
        if saved.name == name:
            return RedirectResponse(f"/gallery?{parse_query(saved.query).query_string}", 303)
    raise ReelmillError(f"There is no saved view {name!r}; the gallery lists yours.")


@router.post("/views")
def save_view(
    deps: PageDeps,
    person: Viewer,
    query: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    drop: Annotated[str, Form()] = "",
) -> Response:
    """Keep the filters of a gallery under a name, or forget one."""
    filters = parse_query(query)
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise ReelmillError(f"A view needs a name of at most {LONGEST_NAME} characters.")
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
