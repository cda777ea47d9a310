"""The pages of provider jobs: the list of those to decide, in progress and ended, the accounts, and one job."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.auth.roles import Admin, Reviewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import PageDeps
from app.dashboard.templating import page
from app.job_facts import advice_of, answer_facts, job_facts, job_times, request_facts
from app.provider_rows import pause_account, provider_rows, resume_account
from manifests.errors import ReelmillError
from manifests.hosted.job import BUSY, JobState
from tasks.runtime.providers.provider_jobs import (
    cancel_at_provider,
    checked_ref,
    jobs_for_people,
    money_text,
    state_text,
)

router = APIRouter(route_class=LimitedRoute)
SHOWN = 100
ENDED = frozenset(JobState) - BUSY


@router.get("/jobs")
@does(Work.REPORTS)
def jobs(request: Request, deps: PageDeps, person: Reviewer) -> HTMLResponse:
    """Show the jobs to decide, the jobs in progress, the last ended ones, and the accounts."""
    to_decide = jobs_for_people(deps.catalogue, limit=SHOWN)
    listed = {job.job_id for job in to_decide}
    in_progress, ended = (
        [job for job in deps.catalogue.provider_jobs.list(states, limit=SHOWN) if job.job_id not in listed]
        for states in (BUSY, ENDED)
    )
    accounts = provider_rows(deps.session)
    return page(
        request,
        "jobs.html",
        to_decide=to_decide,
        in_progress=in_progress,
        ended=ended,
        accounts=[each for each in accounts if each["is_used"]],
        unused=[each["provider"] for each in accounts if not each["is_used"]],
        unsettled=(JobState.UNCERTAIN, JobState.SUBMITTING),
        submitted=JobState.SUBMITTED,
        money=money_text,
        state=state_text,
        shown=SHOWN,
    )


@router.get("/jobs/{job_id}")
@does(Work.REPORTS)
def job(job_id: str, request: Request, deps: PageDeps, person: Reviewer) -> HTMLResponse:
    """Show one job: its request, its states with times, its cost, the provider's answer, and people's decisions."""
    found = deps.catalogue.provider_jobs.get(job_id)
    variant = deps.catalogue.variants.get(found.variant_id).variant
    return page(
        request,
        "job.html",
        job=found,
        advice=advice_of(found),
        sections=[
            ("Job", job_facts(found)),
            ("Request", request_facts(found, variant)),
            ("The provider's answer", answer_facts(found)),
        ],
        times=job_times(found),
        decisions=deps.catalogue.audit.about(found.job_id),
    )


@router.post("/jobs/{job_id}/adopt")
def adopt(job_id: str, deps: PageDeps, person: Admin, reference: Annotated[str, Form()] = "") -> Response:
    """Record that the provider accepted an uncertain job."""
    job = deps.catalogue.provider_jobs.get(job_id)
    deps.catalogue.provider_jobs.adopt(job.job_id, checked_ref(reference), person.actor)
    return _back()


@router.post("/jobs/{job_id}/discard")
def discard(
    job_id: str,
    deps: PageDeps,
    person: Admin,
    billed: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Record that the provider did not accept a job, or close a lost one."""
    job = deps.catalogue.provider_jobs.get(job_id)
    if sure != "1":
        raise ReelmillError("Check the provider's list of jobs first, then tick the box and send the form again.")
    deps.catalogue.provider_jobs.discard(job.job_id, person.actor, is_billed=billed == "1")
    return _back()


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: str, deps: PageDeps, person: Admin) -> Response:
    """Ask the provider to cancel a submitted job."""
    job = deps.catalogue.provider_jobs.get(job_id)
    cancel_at_provider(deps.session.resources, job, person.actor)
    return _back()


@router.post("/providers/{provider}/pause")
def pause(provider: str, deps: PageDeps, person: Admin, reason: Annotated[str, Form()] = "") -> Response:
    """Submit no further jobs to an account. Jobs in progress are finished."""
    pause_account(deps.session, provider, reason, person.actor)
    return _back()


@router.post("/providers/{provider}/resume")
def resume(provider: str, deps: PageDeps, person: Admin) -> Response:
    """Resume a paused account."""
    resume_account(deps.session, provider, person.actor)
    return _back()


def _back() -> Response:
    return RedirectResponse("/jobs", 303)
