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
from app.dashboard.filters import AskedFor
from app.dashboard.templating import page
from app.session import Session
from manifests.errors import CatalogueError, ReelmillError
from tasks.deliver.withdraw import remove_files, withdraw
from tasks.review.reroll import reroll

router = APIRouter()
MOST_AT_ONCE = 1000
DECIDABLE = {"approved": ("passed", "failed"), "rejected": ("passed", "failed"), "withdrawn": ("published",)}
OUTCOMES = tuple(DECIDABLE)
DONE = {
    "approved": "Approved",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
    "undone": "Taken back",
    "planned": "Re-rolled",
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
    done = decided(deps, person, outcome, parse_seen(seen), reason.strip(), codes or [])
    return _told(request, deps, outcome, done, back)


@router.post("/undo")
def undo(
    request: Request,
    deps: PageDeps,
    person: Reviewer,
    ids: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Take back one's own last decisions, as long as nothing was sent; admins anybody's."""
    done = undone(deps, person, _some(ids.split()))
    return _told(request, deps, "undone", done, back)


@router.post("/reroll")
def roll_again(
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
    done = rerolled(deps, person, _some(ids.split()), None if same else prompt, campaign)
    return _told(request, deps, "planned", done, back)


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
    request: Request, deps: PageDeps, person: Reviewer, asked: AskedFor, outcome: str = "approved"
) -> HTMLResponse:
    """Ask to confirm a decision about all clips of a filter, with their count."""
    if outcome not in OUTCOMES:
        raise ReelmillError(f"{outcome!r} is no decision; use {', '.join(OUTCOMES)}.")
    may = tuple(state for state in asked.chosen.states or DECIDABLE[outcome] if state in DECIDABLE[outcome])
    chosen = replace(asked.chosen, states=may)
    seen = deps.catalogue.gallery.last_events(chosen, MOST_AT_ONCE) if may else {}
    return page(
        request,
        "bulk.html",
        asked=asked,
        outcome=outcome,
        seen=seen,
        codes=REVIEW_CODES,
        total=deps.count(chosen) if may else Count(0),
        most=MOST_AT_ONCE,
        may=DECIDABLE[outcome],
    )


def decided(
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
    if outcome == "withdrawn":
        return _withdrawn(deps, person, seen, reason)
    done = deps.catalogue.reviews.record(seen, outcome, person.actor, reason=reason, codes=codes, undo_s=UNDO_S)
    if outcome == "approved":
        deps.deliveries.nudge(set().union(*deps.catalogue.variants.campaigns_of(done.moved).values()))
    return done


def undone(deps: Deps, person: Person, ids: list[str]) -> Decided:
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
    return row.state == "withdrawn" and row.url is not None


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


def rerolled(deps: Deps, person: Person, ids: list[str], prompt: str | None, campaign: str = "") -> Decided:
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
    for pair in _some(text.split()):
        key, _, event = pair.partition(":")
        if not event.isdecimal() or len(event) > 18:
            raise CatalogueError(f"{pair[:60]!r} names no clip as it was seen; reload the page.")
        seen[key] = int(event)
    return seen


def _some(items: list[str]) -> list[str]:
    if len(items) > MOST_AT_ONCE:
        raise CatalogueError(f"{len(items):,} clips are too many at once; at most {MOST_AT_ONCE:,} are allowed.")
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


def _told(request: Request, deps: Deps, outcome: str, done: Decided, back: str) -> Response:
    """Respond with the cards as they are now and a notice; without HTMX with a page that says the same."""
    shown = deps.catalogue.gallery.rows([*done.moved, *done.refused][:200])
    context: dict[str, Any] = {"rows": shown, "done": done, "word": DONE[outcome]}
    if request.headers.get("HX-Request"):
        return page(request, "_decided.html", **context)
    return page(request, "decided.html", **context, back=back if is_local(back) else "/gallery")
