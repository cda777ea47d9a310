"""Sign in with a password or the link that `reelmill review` prints, and sign out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from adapters.catalogue import Catalogue
from adapters.catalogue.accounts.accounts import Account
from adapters.catalogue.accounts.passwords import hash_password, is_outdated, verify_password
from app.dashboard.auth.known_devices import COOKIE, DEVICE_S
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.middleware.security_middleware import cookie_name
from app.dashboard.routes.decisions import is_local
from app.dashboard.templating import page
from manifests.errors import CatalogueError

router = APIRouter(route_class=LimitedRoute)
SESSION_S = 12 * 3600.0
WRONG = "Incorrect name or password."
LINK_EXPIRED = (
    "This sign-in link was already used or has expired. Sign in with your name and password; on the machine of the "
    "dashboard, `reelmill accounts password NAME` sets one. For a new link, stop the dashboard with Ctrl-C and start "
    "it again."
)


@router.get("/signin")
def form(request: Request, deps: PageDeps, next: str = "/") -> Response:
    """Show the sign-in form."""
    return page(
        request,
        "signin.html",
        next=next if is_local(next) else "/",
        problem="",
        oidc=bool(deps.session.settings.oidc_issuer),
    )


@router.post("/signin")
@does(Work.PASSWORDS)
def sign_in(
    request: Request,
    deps: PageDeps,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Sign in with name and password."""
    device = deps.devices.device_of(_device_cookie(request, deps), name)
    attempt = deps.login_limit.begin(request.client.host if request.client else "", name, device)
    account = _account(deps.catalogue, name)
    if not verify_password(password, account.password_hash if account else None) or account is None or account.disabled:
        return page(
            request,
            "signin.html",
            401,
            next=next if is_local(next) else "/",
            problem=WRONG,
            oidc=bool(deps.session.settings.oidc_issuer),
        )
    deps.login_limit.succeeded(attempt)
    if account.password_hash and is_outdated(account.password_hash):
        deps.catalogue.accounts.change(account.name, "system", password_hash=hash_password(password))
    return start_session(request, deps, account.name, next)


@router.get("/signin/once")
def by_link(request: Request, deps: PageDeps, secret: str = "") -> Response:
    """Sign in with the one-time link that `reelmill review` printed."""
    name = deps.links.redeem(secret)
    if name is None:
        return page(
            request, "signin.html", 401, next="/", problem=LINK_EXPIRED, oidc=bool(deps.session.settings.oidc_issuer)
        )
    return start_session(request, deps, name, "/")


@router.post("/signout")
def sign_out(request: Request, deps: PageDeps) -> Response:
    """End the session."""
    name = cookie_name(deps.session.settings.review_url, request.headers.get("host", ""))
    deps.catalogue.sessions.end(request.cookies.get(name, ""))
    request.state.forget()
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(name)
    return response


def start_session(request: Request, deps: Deps, name: str, next: str) -> Response:
    """Start a session, set its cookie and that of the device, and redirect to the next page."""
    host = request.headers.get("host", "")
    url = deps.session.settings.review_url
    response = RedirectResponse(next if is_local(next) else "/", 303)
    session = deps.catalogue.sessions.start(name, SESSION_S)
    device = deps.devices.issue(name)
    for use, value, seconds in (("reelmill", session, SESSION_S), (COOKIE, device, DEVICE_S)):
        response.set_cookie(
            cookie_name(url, host, use),
            value,
            max_age=int(seconds),
            path="/",
            httponly=True,
            samesite="lax",
            secure=url.startswith("https://"),
        )
    return response


def _device_cookie(request: Request, deps: Deps) -> str:
    host = request.headers.get("host", "")
    return request.cookies.get(cookie_name(deps.session.settings.review_url, host, COOKIE), "")


def _account(catalogue: Catalogue, name: str) -> Account | None:
    try:
        return catalogue.accounts.get(" ".join(name.split()))
    except CatalogueError:
        return None
