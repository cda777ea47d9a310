"""The JSON API, for programs such as a DAM that downloads approved clips or an ad tool that reviews them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from starlette.convertors import StringConvertor, register_url_convertor

from adapters.catalogue import CampaignRow, DecisionResult, GalleryRow
from app.api.clip_query import ClipQuery, Cursor
from app.api.errors import READ, READ_ONE, WRITE, WRITE_ONE, errors
from app.api.json_body import json_body
from app.api.records import (
    CLIP_ID,
    CampaignOut,
    ClipDetail,
    ClipOut,
    CommentIn,
    CommentOut,
    CredentialOut,
    DecidedOut,
    DecisionIn,
    DeliverableOut,
    IdsIn,
    MembershipOut,
    PageOut,
    RerollIn,
    Text,
    VariantId,
)
from app.dashboard.auth.roles import Reviewer, Viewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.routes.clip import checks_of, credential_of
from app.dashboard.routes.decisions import record_decision, regenerate_clips, undo_decisions
from app.dashboard.routes.media import TYPES, Kind, download_response
from app.dashboard.templating import page
from app.report.deliverable_results import deliverable_record
from app.report.spending import Spending, cost_json, spending_of
from manifests.states import State
from tasks.plan.thresholds import threshold_of
from tasks.runtime.campaign_status import stage_of


class _ClipId(StringConvertor):
    """Matches the id of a clip in a path, so that GET /api/clips/decisions is a wrong method and not a wrong id."""

    regex = CLIP_ID


register_url_convertor("clip", _ClipId())
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


FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {kind: {} for kind in TYPES.values()}},
    206: {"description": "The range of bytes that the header Range asks for", "content": {"video/mp4": {}}},
    302: {"description": "URL of the file in a remote bucket, valid for minutes"},
}


@router.get("/campaigns", responses=errors(*READ))
@does(Work.COUNTS)
def campaigns(deps: PageDeps, person: Viewer) -> list[CampaignOut]:
    """List campaigns, newest first."""
    used, jobs = deps.catalogue.device_use.by_campaign(), deps.catalogue.provider_jobs.money_by_campaign()
    return [
        _campaign(
            deps, row, spending_of(used.get(row.campaign_id, []), deps.session.prices, jobs.get(row.campaign_id, []))
        )
        for row in deps.catalogue.campaigns.all()
    ]


def _campaign(deps: Deps, row: CampaignRow, spending: Spending) -> CampaignOut:
    states = deps.catalogue.progress.tally(row.campaign_id)
    return CampaignOut(
        campaign_id=row.campaign_id,
        name=row.name,
        created_at=row.created_at,
        review=row.settings.get("review", "auto"),
        states=states,
        standing=row.standing,
        status=stage_of(deps.catalogue, row),
        priority=row.priority,
        **cost_json(spending, deps.session.prices, states.get(State.PUBLISHED, 0)),
    )


@router.get("/clips", responses=errors(*READ))
def clips(
    deps: PageDeps,
    person: Viewer,
    query: ClipQuery,
    after: Annotated[Cursor | None, Query(description="Cursor of the next page")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE, description="Clips per page, up to 500")] = 60,
) -> PageOut:
    """List clips with the filters of the gallery. For the next page, send the ``after`` value of the last response."""
    found = deps.catalogue.gallery.page(query.filter, query.order, after=after, limit=limit)
    return PageOut(clips=[ClipOut(**_clip_fields(row)) for row in found.rows], after=found.after)


@router.get("/clips/{variant_id:clip}", responses=errors(*READ_ONE))
def clip(variant_id: VariantId, deps: PageDeps, person: Viewer) -> ClipDetail:
    """Return a clip with all details."""
    return _detail(deps, variant_id)


@router.get("/clips/{variant_id:clip}/credential", responses=errors(*READ_ONE))
@does(Work.CREDENTIALS)
def credential(variant_id: VariantId, deps: PageDeps, person: Viewer) -> CredentialOut:
    """Return the verified Content Credential of a published clip; the state is ``absent`` for other clips."""
    report = credential_of(deps, deps.catalogue.variants.get(variant_id))
    if report is None:
        return CredentialOut(
            state="absent", sentence="The clip has no Content Credential. It is signed after approval."
        )
    return CredentialOut(
        state=report.state,
        sentence=report.sentence,
        signer=report.signer._asdict() if report.signer else None,
        actions=list(report.actions),
        ingredients=[each._asdict() for each in report.ingredients],
        manifest_label=report.manifest_label,
        store=report.store,
    )


@router.get(
    "/clips/{variant_id:clip}/file/{kind}",
    response_class=Response,
    responses={**FILE_RESPONSES, **errors(*READ_ONE, 416)},
)
@does(Work.MEDIA)
def file(variant_id: VariantId, kind: Kind, deps: PageDeps, person: Viewer) -> Response:
    """Download a file of a clip. If the bucket is remote, the response redirects to a URL that is valid for minutes."""
    return download_response(deps, variant_id, kind)


@router.get("/deliverables", responses=errors(*READ))
@does(Work.REPORTS)
def deliverables(
    deps: PageDeps,
    person: Viewer,
    campaign: Annotated[Text, Query(min_length=1, description="Campaign id")],
) -> list[DeliverableOut]:
    """List the deliverables of a campaign. An unknown campaign has none."""
    return [DeliverableOut(**deliverable_record(row)) for row in deps.catalogue.deliverables.of_campaign(campaign)]


@router.get("/clips/{variant_id:clip}/deliverables", responses=errors(*READ_ONE))
def clip_deliverables(variant_id: VariantId, deps: PageDeps, person: Viewer) -> list[DeliverableOut]:
    """List the deliverables that contain a clip, of all campaigns."""
    deps.catalogue.variants.get(variant_id)
    return [DeliverableOut(**deliverable_record(row)) for row in deps.catalogue.deliverables.of_variant(variant_id)]


@router.post("/clips/decisions", responses=errors(*WRITE), dependencies=[Depends(json_body)])
def decisions(given: DecisionIn, deps: PageDeps, person: Reviewer) -> DecidedOut:
    """Approve, reject or withdraw clips. Clips that changed since they were listed are returned in ``refused``."""
    return _decided_out(record_decision(deps, person, given.outcome, given.seen, given.reason.strip(), given.codes))


@router.post("/clips/undo", responses=errors(*WRITE), dependencies=[Depends(json_body)])
def undo(given: IdsIn, deps: PageDeps, person: Reviewer) -> DecidedOut:
    """Undo your decisions on clips that are not published yet. Admins can undo decisions of other people."""
    return _decided_out(undo_decisions(deps, person, given.ids))


@router.post("/clips/reroll", responses=errors(*WRITE), dependencies=[Depends(json_body)])
def reroll(given: RerollIn, deps: PageDeps, person: Reviewer) -> DecidedOut:
    """Regenerate clips with a new seed or a new prompt. ``moved`` contains the ids of the new clips."""
    return _decided_out(regenerate_clips(deps, person, given.ids, given.prompt, given.campaign_id))


@router.post(
    "/clips/{variant_id:clip}/comments",
    status_code=201,
    responses=errors(*WRITE_ONE),
    dependencies=[Depends(json_body)],
)
def comment(variant_id: VariantId, given: CommentIn, deps: PageDeps, person: Reviewer) -> list[CommentOut]:
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
    return page(request, "api.html", spec=openapi(), examples=EXAMPLES, allowed=_allowed)


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


def _allowed(schema: Mapping[str, Any]) -> list[str]:
    """Return the values that a parameter can have, also in a list or if it is optional."""
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return [*schema.get("enum", ()), *(value for each in inner for value in _allowed(each))]


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
        provider=row.clip.provider if row.clip else "",
        cost_micros=row.clip.cost_micros if row.clip else None,
        currency=row.clip.currency if row.clip else "",
        cost_is_estimate=bool(row.clip and row.clip.cost_is_estimate),
    )


def _memberships(deps: Deps, variant_id: str) -> list[MembershipOut]:
    names: Sequence[str] = sorted(deps.catalogue.variants.campaigns_of([variant_id]).get(variant_id, ()))
    return [
        MembershipOut(campaign_id=name, brief_id=member.brief_id, placement=member.placement, locale=member.locale)
        for name in names
        for member in deps.catalogue.campaigns.memberships(name, [variant_id])
    ]


def _comments(deps: Deps, variant_id: str) -> list[CommentOut]:
    return [
        CommentOut(author=each.author, at=each.at, body=each.body, clip_s=each.clip_s)
        for each in deps.catalogue.reviews.comments(variant_id)
    ]


def _decided_out(done: DecisionResult) -> DecidedOut:
    refused: Mapping[str, str] = done.refused
    return DecidedOut(moved=list(done.moved), refused=dict(refused))
