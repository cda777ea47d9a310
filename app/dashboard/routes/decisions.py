"""Actions on clips: approve, reject, withdraw, undo, regenerate, comment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from adapters.catalogue import REVIEW_CODES, DecisionResult
from adapters.catalogue.views.gallery import Count
from app.dashboard.auth.roles import Person, Reviewer, Role
from app.dashboard.background.deliveries import UNDO_S
from app.dashboard.campaign_buckets import campaign_of
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.filters import PageQuery
from app.dashboard.middleware.input_text import reason_of
from app.dashboard.not_needed import not_needed_of
from app.dashboard.templating import page
from app.session import Session
from manifests.errors import CatalogueError, ReelmillError
from manifests.pluralize import any_of
from manifests.states import State
from tasks.deliver.withdraw import remove_files, withdraw
from tasks.review.regenerate import regenerate_variant

router = APIRouter(route_class=LimitedRoute)
MAX_AT_ONCE = 1000
DECIDABLE: dict[str, tuple[State, ...]] = {
    State.APPROVED: (State.PASSED, State.FAILED),
    State.REJECTED: (State.PASSED, State.FAILED),
    State.WITHDRAWN: (State.PUBLISHED,),
}
OUTCOMES = tuple(DECIDABLE)
TITLES = {
    State.APPROVED: "Approved",
    State.REJECTED: "Rejected",
    State.WITHDRAWN: "Withdrawn",
    "undone": "Undone",
    State.PLANNED: "Regenerating",
}


@router.post("/decide")
def decide(
    request: Request,
    deps: PageDeps,
    person: Reviewer,
    outcome: Annotated[str, Form()] = "",
    seen: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    codes: Annotated[list[str] | None, Form()] = None,
    back: Annotated[str, Form()] = "",
) -> Response:
    """Approve, reject or withdraw clips; ``seen`` is a list of ``id:event`` separated by spaces."""
    done = record_decision(deps, person, outcome, parse_seen(seen), reason_of(reason), codes or [])
    return _decision_response(request, deps, outcome, done, back)


@router.post("/undo")
def undo(
    request: Request,
    deps: PageDeps,
    person: Reviewer,
    ids: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Undo decisions that are not published yet: your own, or for admins anyone's."""
    done = undo_decisions(deps, person, _limited(ids.split()))
    return _decision_response(request, deps, "undone", done, back)


@router.post("/reroll")
def regenerate(
    request: Request,
    deps: PageDeps,
    person: Reviewer,
    ids: Annotated[str, Form()] = "",
    prompt: Annotated[str, Form()] = "",
    same: Annotated[str, Form()] = "",
    campaign: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Regenerate clips with a new seed, or one clip with another prompt."""
    done = regenerate_clips(deps, person, _limited(ids.split()), None if same else prompt, campaign)
    return _decision_response(request, deps, State.PLANNED, done, back)


@router.post("/clips/{variant_id}/comments")
def comment(
    request: Request,
    variant_id: str,
    deps: PageDeps,
    person: Reviewer,
    body: Annotated[str, Form()] = "",
    clip_s: Annotated[str, Form()] = "",
) -> Response:
    """Add a comment on the clip or on a moment of it."""
    deps.catalogue.reviews.add_comment(variant_id, person.actor, body[:4000], _moment(clip_s))
    if request.headers.get("HX-Request"):
        return page(request, "_comments.html", comments=deps.catalogue.reviews.comments(variant_id))
    return RedirectResponse(f"/clips/{variant_id}", 303)


@router.get("/bulk")
@does(Work.COUNTS)
def bulk(
    request: Request, deps: PageDeps, person: Reviewer, query: PageQuery, outcome: str = State.APPROVED
) -> HTMLResponse:
    """Ask for confirmation of a decision on all clips that match the filters."""
    if outcome not in OUTCOMES:
        raise ReelmillError(f"Unknown decision {outcome!r}. Use {any_of(OUTCOMES)}.")
    may = tuple(state for state in query.filter.states or DECIDABLE[outcome] if state in DECIDABLE[outcome])
    clip_filter = replace(query.filter, states=may)
    seen = deps.catalogue.gallery.last_events(clip_filter, MAX_AT_ONCE) if may else {}
    return page(
        request,
        "bulk.html",
        query=query,
        outcome=outcome,
        seen=seen,
        codes=REVIEW_CODES,
        total=deps.count(clip_filter) if may else Count(0),
        most=MAX_AT_ONCE,
    )


def record_decision(
    deps: Deps, person: Person, outcome: str, seen: Mapping[str, int], reason: str, codes: list[str]
) -> DecisionResult:
    """Record decisions for the pages and the API, and schedule the delivery of approved clips.

    Raises:
        CatalogueError: the reason code is unknown.
        ReelmillError: the outcome is unknown, no clip is given, or a withdrawal has no reason.
    """
    if outcome not in OUTCOMES:
        raise ReelmillError(f"Unknown decision {outcome!r}. Use {any_of(OUTCOMES)}.")
    if not seen:
        raise ReelmillError("No clips are selected. Select at least one clip.")
    if outcome == State.WITHDRAWN:
        return _withdrawn(deps, person, seen, reason)
    done = deps.catalogue.reviews.record(seen, outcome, person.actor, reason=reason, codes=codes, undo_s=UNDO_S)
    if outcome == State.APPROVED:
        deps.deliveries.schedule(set().union(*deps.catalogue.variants.campaigns_of(done.moved).values()))
    return done


def undo_decisions(deps: Deps, person: Person, ids: list[str]) -> DecisionResult:
    """Undo decisions; admins may undo decisions of other people."""
    return deps.catalogue.reviews.undo(ids, person.actor, all_people=person.role == Role.ADMIN)


def _withdrawn(deps: Deps, person: Person, seen: Mapping[str, int], reason: str) -> DecisionResult:
    """Withdraw clips from the buckets of their campaigns, and retry removals that failed earlier."""
    if not reason:
        raise ReelmillError("A withdrawal needs a reason. Enter a reason.")
    moved: list[str] = []
    places, refused = _by_campaign(deps, seen)
    for name, ids in places.items():
        resources = Session.of_campaign(name)[0].resources
        stuck = [key for key in ids if _is_stuck(deps, key)]
        refused |= remove_files(resources, stuck)
        moved += [key for key in stuck if key not in refused]
        done = withdraw(resources, {key: seen[key] for key in ids if key not in stuck}, person.actor, reason)
        moved, refused = moved + list(done.moved), refused | dict(done.refused)
    return DecisionResult(tuple(moved), refused)


def _is_stuck(deps: Deps, variant_id: str) -> bool:
    row = deps.catalogue.variants.get(variant_id)
    return row.state == State.WITHDRAWN and row.url is not None


def _by_campaign(
    deps: Deps, variant_ids: Iterable[str], wanted: str = ""
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Group variants by campaign; return the groups, and an error message for each unknown variant."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    unknown: dict[str, str] = {}
    for variant_id in variant_ids:
        try:
            name = campaign_of(deps, deps.catalogue.variants.get(variant_id), wanted)
        except CatalogueError as error:
            if error.transient:
                raise
            name = None
        if name:
            found[name].append(variant_id)
        else:
            unknown[variant_id] = "This clip is not in the catalogue."
    return dict(found), unknown


def regenerate_clips(
    deps: Deps, person: Person, ids: list[str], prompt: str | None, campaign: str = ""
) -> DecisionResult:
    """Plan a new variant of each clip and start generating; clips that cannot be regenerated are in ``refused``.

    Args:
        campaign: the campaign to plan for if several share the clip; by default the clip's own.
    """
    if prompt is not None and len(ids) != 1:
        raise ReelmillError("A new prompt can be used for one clip at a time. Select one clip.")
    new: dict[str, str] = {}
    places, refused = _by_campaign(deps, ids, campaign)
    for campaign_id, members in places.items():
        for key in members:
            try:
                new[key] = regenerate_variant(deps.catalogue, campaign_id, key, person.actor, prompt)
            except ReelmillError as error:
                refused[key] = str(error)
        if new.keys() & set(members):
            deps.jobs.resume(campaign_id)
    return DecisionResult(tuple(new.values()), refused)


def parse_seen(text: str) -> dict[str, int]:
    """Parse ``id:event id:event …``.

    Raises:
        CatalogueError: the text is malformed, or there are too many clips.
    """
    seen = {}
    for pair in _limited(text.split()):
        key, _, event = pair.partition(":")
        if not event.isdecimal() or len(event) > 18:
            raise CatalogueError(f"The clip reference {pair[:60]!r} is invalid. Reload the page and try again.")
        seen[key] = int(event)
    return seen


def _limited(items: list[str]) -> list[str]:
    if len(items) > MAX_AT_ONCE:
        raise CatalogueError(f"{len(items):,} clips are too many. Select at most {MAX_AT_ONCE:,} clips.")
    return items


def _moment(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 36_000 else None


def is_local(path: str) -> bool:
    """Return True for a path on this server; browsers treat ``//`` and ``/\\`` as another host, and ignore tabs."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def _decision_response(request: Request, deps: Deps, outcome: str, done: DecisionResult, back: str) -> Response:
    """Return the changed cards and a notice for HTMX, or a page with the notice."""
    shown = deps.catalogue.gallery.rows([*done.moved, *done.refused][:200])
    context: dict[str, Any] = {
        "rows": shown,
        "not_needed": not_needed_of(deps, shown),
        "done": done,
        "word": TITLES[outcome],
    }
    if request.headers.get("HX-Request"):
        return page(request, "_decided.html", **context)
    return page(request, "decided.html", **context, back=back if is_local(back) else "/gallery")
