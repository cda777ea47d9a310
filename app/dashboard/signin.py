"""Signing in by password, or by the link that `reelmill review` prints, and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from adapters.catalogue import Catalogue
from adapters.catalogue.people import Account
from adapters.passwords import fits, hash_password, is_outdated
from app.dashboard.decide import is_local
from app.dashboard.desk import AtDesk, Desk
from app.dashboard.safety import cookie_name
from app.dashboard.templating import page
from manifests.errors import CatalogueError

router = APIRouter()
SESSION_S = 12 * 3600.0
WRONG = "Name or password is wrong."
LINK_SPENT = ("This sign-in link was used already or is older than five minutes; start `reelmill review` again, "
              "or sign in by name and password.")


@router.get("/signin")
def form(request: Request, desk: AtDesk, next: str = "/") -> Response:
    """Show the form."""
    return page(request, "signin.html", next=next if is_local(next) else "/", problem="",
                oidc=bool(desk.session.settings.oidc_issuer))


@router.post("/signin")
def sign_in(request: Request, desk: AtDesk, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "",
            next: Annotated[str, Form()] = "/") -> Response:
    """Sign in by name and password."""
    desk.tries.count(request.client.host if request.client else "", name)
    account = _account(desk.catalogue, name)
    if not fits(password, account.password_hash if account else None) or account is None or account.disabled:
        return page(request, "signin.html", 401, next=next if is_local(next) else "/", problem=WRONG,
                    oidc=bool(desk.session.settings.oidc_issuer))
    if account.password_hash and is_outdated(account.password_hash):
        desk.catalogue.change_account(account.name, "system", password_hash=hash_password(password))
    return welcome(desk, account.name, next)


@router.get("/signin/once")
def by_link(request: Request, desk: AtDesk, secret: str = "") -> Response:
    """Sign in whoever started the program, by the link that it printed."""
    name = desk.links.take(secret)
    if name is None:
        return page(request, "signin.html", 401, next="/", problem=LINK_SPENT,
                    oidc=bool(desk.session.settings.oidc_issuer))
    return welcome(desk, name, "/")


@router.post("/signout")
def sign_out(request: Request, desk: AtDesk) -> Response:
    """Sign out here."""
    name = cookie_name(desk.session.settings.review_url)
    desk.catalogue.sign_out(request.cookies.get(name, ""))
    request.state.forget()
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(name)
    return response


def welcome(desk: Desk, name: str, next: str) -> Response:
    """Answer with the cookie of a new sign-in, and lead on."""
    url = desk.session.settings.review_url
    response = RedirectResponse(next if is_local(next) else "/", 303)
    response.set_cookie(cookie_name(url), desk.catalogue.sign_in(name, SESSION_S), max_age=int(SESSION_S), path="/",
                        httponly=True, samesite="lax", secure=url.startswith("https://"))
    return response


def _account(catalogue: Catalogue, name: str) -> Account | None:
    try:
        return catalogue.account(" ".join(name.split()))
    except CatalogueError:
        return None
