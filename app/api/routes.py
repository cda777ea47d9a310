"""The JSON API, for programs such as a DAM that downloads approved clips or an ad tool that reviews them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from adapters.catalogue import REVIEW_CODES, STATES, DecisionResult, GalleryRow
from adapters.catalogue.views.gallery import ORDERS
from app.dashboard.auth.roles import Reviewer, Viewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.filters import PageQuery
from app.dashboard.routes.clip import checks_of, credential_of
from app.dashboard.routes.decisions import MAX_AT_ONCE, record_decision, regenerate_clips, undo_decisions
from app.dashboard.routes.gallery import GATE_CODES
from app.dashboard.routes.media import Kind, download_response
from app.dashboard.templating import page
from manifests.sheet.cells import PROMPT_LENGTH
from tasks.plan.thresholds import threshold_of
from tasks.runtime.campaign_status import stage_of

router = APIRouter(prefix="/api", tags=["api"], route_class=LimitedRoute)
VERSION = "1"
MAX_PAGE_SIZE = 500
EXAMPLES: dict[str, dict[str, Any]] = {
    "/api/clips/decisions": {"outcome": "rejected", "seen": {"VARIANT_ID": 17}, "codes": ["brand"]},
    "/api/clips/undo": {"ids": ["VARIANT_ID"]},
    "/api/clips/reroll": {"ids": ["VARIANT_ID"], "prompt": "a red cup on a table"},
    "/api/clips/{variant_id}/comments": {"body": "Too dark here.", "clip_s": 1.5},
}
"""Example request bodies for the documentation page."""


class CampaignOut(BaseModel):
    """A campaign with the number of its clips by state."""

    campaign_id: str
    name: str
    created_at: float = Field(description="Unix time in seconds")
    review: str
    states: dict[str, int]
    standing: str = Field(description="Status of the campaign: active, paused or cancelled")
    status: str = Field(description="accepted, running, done, stopped, failed, paused or cancelled")
    priority: int = Field(description="-100 to 100; 0 is normal")


class ClipOut(BaseModel):
    """A clip in a list. Send its ``seen`` value with a decision."""

    variant_id: str
    state: str
    prompt: str
    model: str
    seed: int
    prompt_adherence: float | None
    reasons: list[str]
    made_at: float | None
    parent_id: str | None
    seen: int
    width: int
    height: int
    duration_s: float
    metadata: dict[str, list[str]] = Field(
        description="Values of the sheet's columns locale, cta, notes and its own columns"
    )


class PageOut(BaseModel):
    """A page of clips and the cursor of the next page."""

    clips: list[ClipOut]
    after: str | None


class ClipDetail(ClipOut):
    """A clip with all details."""

    threshold: float
    checks: dict[str, float]
    checks_broken: list[str]
    url: str | None
    key: str | None
    sha256: str | None
    campaigns: list[dict[str, str]]
    comments: list[dict[str, Any]]
    children: list[str]
    generation: dict[str, Any]


class DecisionIn(BaseModel):
    """A decision on one or more clips."""

    outcome: Literal["approved", "rejected", "withdrawn"]
    seen: dict[str, int] = Field(
        min_length=1, max_length=MAX_AT_ONCE, description="seen value of each clip by variant_id"
    )
    reason: str = Field("", max_length=1000, description="Required to withdraw, or to approve a failed clip")
    codes: list[str] = Field(default_factory=list, description=f"Reason codes: {', '.join(REVIEW_CODES)}")


class IdsIn(BaseModel):
    """Clips by id."""

    ids: list[str] = Field(min_length=1, max_length=MAX_AT_ONCE, description="Values of variant_id")


class RerollIn(IdsIn):
    """Clips to regenerate. A ``prompt`` regenerates one clip with a new prompt and the same seed."""

    prompt: str | None = Field(
        None, max_length=PROMPT_LENGTH, description="New prompt for one clip; null keeps the prompt"
    )
    campaign_id: str = Field("", description="Campaign to use if several campaigns share the clip")


class CommentIn(BaseModel):
    """A comment; ``clip_s`` is its position in the clip, in seconds."""

    body: str = Field(min_length=1, max_length=4000, description="Text of the comment")
    clip_s: float | None = Field(None, ge=0, lt=36_000, description="Position in the clip, in seconds")


class DecidedOut(BaseModel):
    """Ids of the changed clips, and an error message for each clip that was not changed."""

    moved: list[str]
    refused: dict[str, str]


@router.get("/campaigns")
@does(Work.COUNTS)
def campaigns(deps: PageDeps, person: Viewer) -> list[CampaignOut]:
    """List campaigns, newest first."""
    return [
        CampaignOut(
            campaign_id=row.campaign_id,
            name=row.name,
            created_at=row.created_at,
            review=row.settings.get("review", "auto"),
            states=deps.catalogue.progress.tally(row.campaign_id),
            standing=row.standing,
            status=stage_of(deps.catalogue, row),
            priority=row.priority,
        )
        for row in deps.catalogue.campaigns.all()
    ]


@router.get("/clips")
def clips(
    deps: PageDeps,
    person: Viewer,
    query: PageQuery,
    after: Annotated[str, Query(description="Cursor of the next page")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE, description="Clips per page, up to 500")] = 60,
) -> PageOut:
    """List clips with the filters of the gallery. For the next page, send the ``after`` value of the last response."""
    found = deps.catalogue.gallery.page(query.filter, query.order, after=after or None, limit=limit)
    return PageOut(clips=[ClipOut(**_clip_fields(row)) for row in found.rows], after=found.after)


@router.get("/clips/{variant_id}")
def clip(variant_id: str, deps: PageDeps, person: Viewer) -> ClipDetail:
    """Return a clip with all details."""
    return _detail(deps, variant_id)


@router.get("/clips/{variant_id}/credential")
@does(Work.CREDENTIALS)
def credential(variant_id: str, deps: PageDeps, person: Viewer) -> dict[str, Any]:
    """Return the verified Content Credential of a published clip; the state is ``absent`` for other clips."""
    report = credential_of(deps, deps.catalogue.variants.get(variant_id))
    if report is None:
        return {"state": "absent", "sentence": "The clip has no Content Credential. It is signed after approval."}
    return {
        "state": report.state,
        "sentence": report.sentence,
        "signer": report.signer and report.signer._asdict(),
        "actions": report.actions,
        "ingredients": [each._asdict() for each in report.ingredients],
        "manifest_label": report.manifest_label,
        "store": report.store,
    }


@router.get("/clips/{variant_id}/file/{kind}", response_class=Response)
@does(Work.MEDIA)
def file(variant_id: str, kind: Kind, deps: PageDeps, person: Viewer) -> Response:
    """Download a file of a clip. If the bucket is remote, the response redirects to a URL that is valid for minutes."""
    return download_response(deps, variant_id, kind)


@router.post("/clips/decisions")
def decisions(given: DecisionIn, deps: PageDeps, person: Reviewer) -> DecidedOut:
    """Approve, reject or withdraw clips. Clips that changed since they were listed are returned in ``refused``."""
    return _decided_out(record_decision(deps, person, given.outcome, given.seen, given.reason.strip(), given.codes))


@router.post("/clips/undo")
def undo(given: IdsIn, deps: PageDeps, person: Reviewer) -> DecidedOut:
    """Undo your decisions on clips that are not published yet. Admins can undo decisions of other people."""
    return _decided_out(undo_decisions(deps, person, given.ids))


@router.post("/clips/reroll")
def reroll(given: RerollIn, deps: PageDeps, person: Reviewer) -> DecidedOut:
    """Regenerate clips with a new seed or a new prompt. ``moved`` contains the ids of the new clips."""
    return _decided_out(regenerate_clips(deps, person, given.ids, given.prompt, given.campaign_id))


@router.post("/clips/{variant_id}/comments", status_code=201)
def comment(variant_id: str, given: CommentIn, deps: PageDeps, person: Reviewer) -> list[dict[str, Any]]:
    """Add a comment and return all comments of the clip."""
    deps.catalogue.reviews.add_comment(variant_id, person.actor, given.body, given.clip_s)
    return _comments(deps, variant_id)


@router.get("/openapi.json", include_in_schema=False)
def schema(request: Request, person: Viewer) -> dict[str, Any]:
    """Return the OpenAPI description."""
    return openapi()


@router.get("/docs", include_in_schema=False)
def docs(request: Request, person: Viewer) -> HTMLResponse:
    """Show the API documentation."""
    return page(
        request,
        "api.html",
        spec=openapi(),
        examples=EXAMPLES,
        values={
            "state": STATES,
            "order": tuple(ORDERS),
            "verdict": ("passed", "failed"),
            "reviewed": ("yes", "no"),
            "reason": GATE_CODES,
        },
    )


def openapi() -> dict[str, Any]:
    """Return the OpenAPI description; every route requires a token."""
    described = get_openapi(
        title="Reelmill",
        version=VERSION,
        routes=router.routes,
        description=(
            "Every request needs the header `Authorization: Bearer TOKEN`. Admins create tokens on the People page."
        ),
    )
    described.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return described | {"security": [{"token": []}]}


def _clip_fields(row: GalleryRow) -> dict[str, Any]:
    variant = row.variant
    return {
        "variant_id": row.variant_id,
        "state": row.state,
        "prompt": variant.prompt,
        "model": variant.card,
        "seed": variant.seed,
        "prompt_adherence": row.prompt_adherence,
        "reasons": [reason.sentence for reason in row.reasons],
        "made_at": row.made_at or None,
        "parent_id": row.parent_id,
        "seen": row.seen,
        "width": variant.width,
        "height": variant.height,
        "duration_s": variant.num_frames / variant.fps,
        "metadata": {column: list(values) for column, values in row.metadata.items()},
    }


def _detail(deps: Deps, variant_id: str) -> ClipDetail:
    row = deps.catalogue.variants.get(variant_id)
    [card] = deps.catalogue.gallery.rows([variant_id])
    checks = checks_of(row)
    return ClipDetail(
        **_clip_fields(card),
        threshold=threshold_of(deps.session.resources, row),
        checks=row.score.checks if row.score else {},
        checks_broken=[each.name for each in checks if not each.ok],
        url=row.url,
        key=row.signed.key if row.signed else None,
        sha256=row.signed.sha256 if row.signed else None,
        campaigns=_memberships(deps, variant_id),
        comments=_comments(deps, variant_id),
        children=deps.catalogue.gallery.children(variant_id),
        generation=row.variant._asdict(),
    )


def _memberships(deps: Deps, variant_id: str) -> list[dict[str, str]]:
    names: Sequence[str] = sorted(deps.catalogue.variants.campaigns_of([variant_id]).get(variant_id, ()))
    return [
        {"campaign_id": name, "brief_id": member.brief_id, "placement": member.placement, "locale": member.locale}
        for name in names
        for member in deps.catalogue.campaigns.memberships(name, [variant_id])
    ]


def _comments(deps: Deps, variant_id: str) -> list[dict[str, Any]]:
    return [
        {"author": each.author, "at": each.at, "body": each.body, "clip_s": each.clip_s}
        for each in deps.catalogue.reviews.comments(variant_id)
    ]


def _decided_out(done: DecisionResult) -> DecidedOut:
    refused: Mapping[str, str] = done.refused
    return DecidedOut(moved=list(done.moved), refused=dict(refused))
