"""The list of campaigns, and the page of one campaign with its briefs, scores and files."""

import mimetypes
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from adapters.catalogue import CampaignRow
from app.cli.completion import files_of
from app.dashboard.auth.roles import Admin, Reviewer, Viewer
from app.dashboard.background.campaign_stats import CampaignStats, stats_of
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.routes.media import MediaNotFoundError
from app.dashboard.score_charts import charts_of
from app.dashboard.templating import page
from app.report.report import report_of
from app.session import Session
from manifests.errors import ReelmillError
from manifests.states import State
from tasks.intake.sources.sheet_store import SheetStore
from tasks.plan.licence import clearances_of
from tasks.runtime.steering import resume_campaign

router = APIRouter(route_class=LimitedRoute)
MAX_REPORT_VARIANTS = 20_000
"""Maximum number of variants for which the page builds a report by brief."""
MAX_TABLE_CLIPS = 200_000
"""Maximum number of clips in a table; a larger one needs gigabytes of memory."""
NO_SHEET = "The sheet of this campaign is not available here, because the campaign was registered on another machine."


@router.get("/")
def start(person: Viewer) -> Response:
    """Redirect to the list of campaigns."""
    return RedirectResponse("/campaigns", 303)


@router.get("/campaigns")
def campaigns(request: Request, deps: PageDeps, person: Viewer) -> HTMLResponse:
    """List the campaigns; the page loads the numbers of each one separately."""
    return page(request, "campaigns.html", campaigns=deps.catalogue.campaigns.all())


@router.get("/campaigns/{campaign_id}/row")
@does(Work.COUNTS)
def row(request: Request, campaign_id: str, deps: PageDeps, person: Viewer) -> HTMLResponse:
    """Return the table cells with the numbers of one campaign."""
    head = deps.catalogue.campaigns.get(campaign_id)
    return page(
        request,
        "_campaign_row.html",
        head=head,
        each=_stats(deps, head),
        job=deps.jobs.state(head.campaign_id),
        problem=deps.deliveries.problems.get(head.campaign_id, ""),
    )


@router.get("/campaigns/{campaign_id}")
@does(Work.COUNTS)
def campaign(request: Request, campaign_id: str, deps: PageDeps, person: Viewer) -> HTMLResponse:
    """Show one campaign; the page loads the parts that need more than one count separately."""
    head = deps.catalogue.campaigns.get(campaign_id)
    if head.campaign_id != campaign_id:
        raise MediaNotFoundError(f"Campaign {campaign_id!r} does not exist.")
    job = deps.jobs.state(campaign_id)
    stats = _stats(deps, head)
    has_work = bool(job and job.running) or stats.has_work
    return page(
        request,
        "campaign.html",
        head=head,
        has_work=has_work,
        has_passed=has_work or stats.has_any(State.PASSED),
        has_failed=has_work or stats.has_any(State.FAILED, State.QUARANTINED),
    )


@router.get("/campaigns/{campaign_id}/scores")
@does(Work.COUNTS)
def scores(request: Request, campaign_id: str, deps: PageDeps, person: Viewer) -> HTMLResponse:
    """Return the part of the page with scores, threshold and failure reasons."""
    head = deps.catalogue.campaigns.get(campaign_id)
    return page(
        request,
        "_campaign_scores.html",
        head=head,
        reasons=_reasons(deps, head),
        charts=charts_of(deps, head, _stats(deps, head)),
    )


@router.get("/campaigns/{campaign_id}/briefs")
@does(Work.COUNTS)
def briefs(request: Request, campaign_id: str, deps: PageDeps, person: Viewer) -> HTMLResponse:
    """Return the part of the page with the results by brief."""
    head = deps.catalogue.campaigns.get(campaign_id)
    return page(
        request,
        "_campaign_briefs.html",
        head=head,
        report=_report(deps, head, _stats(deps, head)),
        has_sheet=_sheet(deps, campaign_id) is not None,
    )


@router.get("/campaigns/{campaign_id}/status")
@does(Work.COUNTS)
def status(request: Request, campaign_id: str, deps: PageDeps, person: Viewer, watched: bool = False) -> HTMLResponse:
    """Return the status part of the page, which polls while the campaign is active; at the end it reloads the rest."""
    head, job = deps.catalogue.campaigns.get(campaign_id), deps.jobs.state(campaign_id)
    stats = _stats(deps, head)
    moves = bool(job and job.running) or stats.is_active
    if watched and not moves:
        deps.stats_cache.clear()
        stats = _stats(deps, head)
    response = page(
        request,
        "_campaign_status.html",
        each=stats,
        job=job,
        moves=moves,
        problem=deps.deliveries.problems.get(campaign_id, ""),
        head=head,
    )
    if watched and not moves:
        response.headers["HX-Trigger"] = "settled"
    return response


@router.get("/campaigns/{campaign_id}/files/{name}")
@does(Work.REPORTS)
def files(campaign_id: str, name: Literal["sheet", "results", "clips"], deps: PageDeps, person: Viewer) -> Response:
    """Return the uploaded sheet, the sheet with results, or the table of all clips."""
    session, campaign_id = Session.of_campaign(campaign_id)
    headers = {"Cache-Control": "no-store"}
    if name == "sheet":
        if (sheet := _sheet(deps, campaign_id)) is None:
            raise MediaNotFoundError(NO_SHEET)
        return FileResponse(sheet, filename=sheet.name, headers=headers)
    if (total := _stats(deps, deps.catalogue.campaigns.get(campaign_id)).total) > MAX_TABLE_CLIPS:
        raise ReelmillError(
            f"{campaign_id} has {total:,} clips, which is too many for a download. "
            f"Run `reelmill resume {campaign_id}` to write the table and the results to its folder."
        )
    with tempfile.TemporaryDirectory() as folder:
        path = files_of(session, campaign_id, Path(folder)).get(name)
        if path is None:
            raise MediaNotFoundError(NO_SHEET)
        headers["Content-Disposition"] = f'attachment; filename="{path.name}"'
        return Response(path.read_bytes(), media_type=mimetypes.guess_type(path.name)[0], headers=headers)


@router.post("/campaigns/{campaign_id}/work")
def work(campaign_id: str, deps: PageDeps, person: Reviewer, what: Annotated[str, Form()] = "resume") -> Response:
    """Resume a campaign, which ends a pause, or retry its failed clips."""
    head = deps.catalogue.campaigns.get(campaign_id)
    if what == "retry":
        deps.jobs.retry(head.campaign_id)
    elif what == "resume":
        resume_campaign(deps.catalogue, head.campaign_id, person.actor)
        deps.jobs.resume(head.campaign_id)
    else:
        raise ReelmillError(f"Unknown action {what!r}. Use resume or retry.")
    deps.catalogue.audit.note(person.actor, "work", head.campaign_id, what=what)
    return RedirectResponse(f"/campaigns/{head.campaign_id}", 303)


@router.post("/campaigns/{campaign_id}/second-share")
def second_share(campaign_id: str, deps: PageDeps, person: Admin, percent: Annotated[float, Form()] = 0.0) -> Response:
    """Set the share of decided clips that get a blind second review."""
    deps.catalogue.campaigns.set_second_share(campaign_id, percent / 100, person.actor)
    return RedirectResponse(f"/campaigns/{campaign_id}", 303)


def _stats(deps: Deps, head: CampaignRow) -> CampaignStats:
    prices = deps.session.prices
    return deps.stats_cache.get(("stats", head.campaign_id), lambda: stats_of(deps.catalogue, prices, head))


def _reasons(deps: Deps, head: CampaignRow) -> dict[str, int]:
    return deps.stats_cache.get(
        ("reasons", head.campaign_id), lambda: deps.catalogue.campaign_stats.reasons(head.campaign_id)
    )


def _report(deps: Deps, head: CampaignRow, stats: CampaignStats) -> Any:
    """Return the report by brief, or None if the campaign is too large for a page."""
    if stats.total > MAX_REPORT_VARIANTS:
        return None
    clearances = clearances_of(deps.session.resources)
    prices = deps.session.prices
    return deps.stats_cache.get(
        ("report", head.campaign_id), lambda: report_of(deps.catalogue, head.campaign_id, clearances, prices)
    )


def _sheet(deps: Deps, campaign_id: str) -> Path | None:
    return SheetStore(deps.session.settings.home).of_campaign(campaign_id)
