"""The audit log, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.dashboard.auth.roles import Admin
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import PageDeps
from app.dashboard.templating import page

router = APIRouter(route_class=LimitedRoute)
PAGE = 100


@router.get("/audit")
@does(Work.REPORTS)
def audit(
    request: Request,
    deps: PageDeps,
    person: Admin,
    before: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    verify: bool = False,
) -> HTMLResponse:
    """Show the audit log, newest first, and verify it on request."""
    entries = deps.catalogue.audit.entries(before, PAGE)
    report = deps.catalogue.audit.verify() if verify else None
    return page(
        request,
        "audit.html",
        entries=entries,
        report=report,
        older=entries[-1].audit_id if len(entries) == PAGE else None,
    )
