"""What people do to clips: decide, take back, re-roll, comment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from adapters.catalogue import REVIEW_CODES, Decided
from adapters.catalogue.views.gallery import Count
from app.dashboard.auth.roles import Person, Reviewer, Role
from app.dashboard.background.deliveries import UNDO_S
from app.dashboard.campaign_buckets import campaign_of
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.filters import PageQuery
from app.dashboard.templating import page
from app.session import Session
from manifests.errors import CatalogueError, ReelmillError
from manifests.states import State
from tasks.deliver.withdraw import remove_files, withdraw
from tasks.review.reroll import reroll

router = APIRouter()
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
    "undone": "Taken back",
    State.PLANNED: "Re-rolled",
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
    """Approve, reject or withdraw the clips that ``seen`` names, as ``id:event`` with blanks between."""
    done = record_decision(deps, person, outcome, parse_seen(seen), reason.strip(), codes or [])
    return _decision_response(request, deps, outcome, done, back)


@router.post("/undo")
def undo(
    request: Request,
    deps: PageDeps,
    person: Reviewer,
    ids: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Take back one's own last decisions, as long as nothing was sent; admins anybody's."""
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
    """Plan new tries, and start to render them."""
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
    """Keep a comment, on the whole or on a moment of the clip."""
    deps.catalogue.reviews.add_comment(variant_id, person.actor, body[:4000], _moment(clip_s))
    if request.headers.get("HX-Request"):
        return page(request, "_comments.html", comments=deps.catalogue.reviews.comments(variant_id))
    return RedirectResponse(f"/clips/{variant_id}", 303)


@router.get("/bulk")
def bulk(
    request: Request, deps: PageDeps, person: Reviewer, query: PageQuery, outcome: str = State.APPROVED
) -> HTMLResponse:
    """Ask to confirm a decision about all clips of a filter, with their count."""
    if outcome not in OUTCOMES:
        raise ReelmillError(f"{outcome!r} is no decision; use {', '.join(OUTCOMES)}.")
    may = tuple(state for state in query.filter.states or DECIDABLE[outcome] if state in DECIDABLE[outcome])
    chosen = replace(query.filter, states=may)
    seen = deps.catalogue.gallery.last_events(chosen, MAX_AT_ONCE) if may else {}
    return page(
        request,
        "bulk.html",
        query=query,
        outcome=outcome,
        seen=seen,
        codes=REVIEW_CODES,
        total=deps.count(chosen) if may else Count(0),
        most=MAX_AT_ONCE,
        may=DECIDABLE[outcome],
    )


def record_decision(
    deps: Deps, person: Person, outcome: str, seen: Mapping[str, int], reason: str, codes: list[str]
) -> Decided:
    """Decide, and let delivery know; pages and API come through here.

    Raises:
        CatalogueError: no such outcome or reason code.
        ReelmillError: nothing is named, or a withdrawal has no reason.
    """
    if outcome not in OUTCOMES:
        raise ReelmillError(f"{outcome!r} is no decision; use {', '.join(OUTCOMES)}.")
    if not seen:
        raise ReelmillError("No clip is chosen; choose some first.")
    if outcome == State.WITHDRAWN:
        return _withdrawn(deps, person, seen, reason)
    done = deps.catalogue.reviews.record(seen, outcome, person.actor, reason=reason, codes=codes, undo_s=UNDO_S)
    if outcome == State.APPROVED:
        deps.deliveries.schedule(set().union(*deps.catalogue.variants.campaigns_of(done.moved).values()))
    return done


def undo_decisions(deps: Deps, person: Person, ids: list[str]) -> Decided:
    """Take decisions back."""
    return deps.catalogue.reviews.undo(ids, person.actor, anybodys=person.role == Role.ADMIN)


def _withdrawn(deps: Deps, person: Person, seen: Mapping[str, int], reason: str) -> Decided:
    """Withdraw each clip from the bucket of its campaign; one whose files stayed there is tried again."""
    if not reason:
        raise ReelmillError("Say why it is withdrawn; the reason is kept.")
    moved: list[str] = []
    places, refused = _by_campaign(deps, seen)
    for name, ids in places.items():
        resources = Session.of_campaign(name)[0].resources
        stuck = [key for key in ids if _is_stuck(deps, key)]
        refused |= remove_files(resources, stuck)
        moved += [key for key in stuck if key not in refused]
        done = withdraw(resources, {key: seen[key] for key in ids if key not in stuck}, person.actor, reason)
        moved, refused = moved + list(done.moved), refused | dict(done.refused)
    return Decided(tuple(moved), refused)


def _is_stuck(deps: Deps, variant_id: str) -> bool:
    row = deps.catalogue.variants.get(variant_id)
    return row.state == State.WITHDRAWN and row.url is not None


def _by_campaign(
    deps: Deps, variant_ids: Iterable[str], wanted: str = ""
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the variants by the campaign that each belongs to, and why not for those that are unknown."""
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
            unknown[variant_id] = "It is not in the catalogue."
    return dict(found), unknown


def regenerate_clips(deps: Deps, person: Person, ids: list[str], prompt: str | None, campaign: str = "") -> Decided:
    """Plan a new try of each clip and start to render; what cannot be planned is told among the refused.

    Args:
        campaign: for which of the campaigns that share a clip; where it is none of them, its own.
    """
    if prompt is not None and len(ids) != 1:
        raise ReelmillError("Other words can be given to one clip at a time.")
    new: dict[str, str] = {}
    places, refused = _by_campaign(deps, ids, campaign)
    for campaign_id, members in places.items():
        for key in members:
            try:
                new[key] = reroll(deps.catalogue, campaign_id, key, person.actor, prompt)
            except ReelmillError as error:
                refused[key] = str(error)
        if new.keys() & set(members):
            deps.jobs.resume(campaign_id)
    return Decided(tuple(new.values()), refused)


def parse_seen(text: str) -> dict[str, int]:
    """Read ``id:event id:event …``.

    Raises:
        CatalogueError: it is not written so, or there are too many.
    """
    seen = {}
    for pair in _limited(text.split()):
        key, _, event = pair.partition(":")
        if not event.isdecimal() or len(event) > 18:
            raise CatalogueError(f"{pair[:60]!r} names no clip as it was seen; reload the page.")
        seen[key] = int(event)
    return seen


def _limited(items: list[str]) -> list[str]:
    if len(items) > MAX_AT_ONCE:
        raise CatalogueError(f"{len(items):,} clips are too many at once; at most {MAX_AT_ONCE:,} are allowed.")
    return items


def _moment(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 36_000 else None


def is_local(path: str) -> bool:
    """True for a path of this server; browsers read ``//`` and a backslash as another host."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path


def _decision_response(request: Request, deps: Deps, outcome: str, done: Decided, back: str) -> Response:
    """Respond with the cards as they are now and a notice; without HTMX with a page that says the same."""
    shown = deps.catalogue.gallery.rows([*done.moved, *done.refused][:200])
    context: dict[str, Any] = {"rows": shown, "done": done, "word": TITLES[outcome]}
    if request.headers.get("HX-Request"):
        return page(request, "_decided.html", **context)
    return page(request, "decided.html", **context, back=back if is_local(back) else "/gallery")
