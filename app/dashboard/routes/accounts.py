"""Accounts, API tokens and share links, for admins."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from adapters.catalogue.accounts.accounts import ROLES
from adapters.catalogue.accounts.passwords import new_password_hash
from app.dashboard.auth.roles import Admin
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.templating import page
from manifests.errors import ReelmillError

router = APIRouter(route_class=LimitedRoute)
DAY_S = 86_400.0
MAX_DAYS = 366


@router.get("/people")
def people(request: Request, deps: PageDeps, person: Admin) -> HTMLResponse:
    """Show accounts, API tokens and share links."""
    return _people_page(request, deps)


@router.post("/people/accounts")
@does(Work.PASSWORDS)
def add(
    request: Request,
    deps: PageDeps,
    person: Admin,
    name: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Add an account with a password."""
    deps.catalogue.accounts.check_new(name, role)
    deps.catalogue.accounts.add(name, role, person.actor, password_hash=new_password_hash(password, name))
    return RedirectResponse("/people", 303)


@router.post("/people/accounts/change")
@does(Work.PASSWORDS)
def change(
    request: Request,
    deps: PageDeps,
    person: Admin,
    name: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    disabled: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Change the role or password of an account, or disable it."""
    if name == person.name and (disabled == "1" or role not in ("", "admin")):
        raise ReelmillError("You cannot remove your own admin role or disable your own account. Ask another admin.")
    deps.catalogue.accounts.change(
        name,
        person.actor,
        role=role or None,
        disabled={"1": True, "0": False}.get(disabled),
        password_hash=new_password_hash(password, name) if password else None,
        repair=True,
    )
    request.state.forget()
    return RedirectResponse("/people", 303)


@router.post("/people/tokens")
def add_token(
    request: Request,
    deps: PageDeps,
    person: Admin,
    name: Annotated[str, Form()] = "",
    label: Annotated[str, Form()] = "",
    days: Annotated[int, Form()] = 90,
) -> HTMLResponse:
    """Create an API token and show it once."""
    secret = deps.catalogue.tokens.add(name, label[:80], _days(days) * DAY_S, person.actor)
    return _people_page(request, deps, secret=secret, secret_of=f"API token {label!r} of {name}")


@router.post("/people/tokens/drop")
def drop_token(request: Request, deps: PageDeps, person: Admin, secret_sha256: Annotated[str, Form()] = "") -> Response:
    """Revoke an API token."""
    deps.catalogue.tokens.revoke(secret_sha256, person.actor)
    request.state.forget()
    return RedirectResponse("/people", 303)


@router.post("/people/shares")
def add_share(
    request: Request,
    deps: PageDeps,
    person: Admin,
    campaign: Annotated[str, Form()] = "",
    days: Annotated[int, Form()] = 7,
) -> HTMLResponse:
    """Create a share link to one campaign and show it once."""
    secret = deps.catalogue.share_links.add(campaign, person.actor, _days(days) * DAY_S)
    name = deps.catalogue.campaigns.get(campaign).name
    base = deps.session.settings.review_url.rstrip("/") or str(request.base_url).rstrip("/")
    return _people_page(request, deps, secret=f"{base}/share/{secret}", secret_of=f"Share link to {name}")


@router.post("/people/shares/drop")
def drop_share(deps: PageDeps, person: Admin, secret_sha256: Annotated[str, Form()] = "") -> Response:
    """Revoke a share link."""
    deps.catalogue.share_links.revoke(secret_sha256, person.actor)
    return RedirectResponse("/people", 303)


def _days(days: int) -> int:
    if not 1 <= days <= MAX_DAYS:
        raise ReelmillError(f"{days} days is not allowed. Enter 1 to {MAX_DAYS} days.")
    return days


def _people_page(request: Request, deps: Deps, secret: str = "", secret_of: str = "") -> HTMLResponse:
    catalogue = deps.catalogue
    campaigns = catalogue.campaigns.all()
    return page(
        request,
        "people.html",
        accounts=catalogue.accounts.all(),
        tokens=catalogue.tokens.all(),
        shares=catalogue.share_links.all(),
        campaigns=campaigns,
        names={row.campaign_id: row.name for row in campaigns},
        roles=ROLES,
        secret=secret,
        secret_of=secret_of,
    )
