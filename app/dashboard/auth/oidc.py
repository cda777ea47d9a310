"""Sign in through an OpenID provider: authorization code flow with PKCE, using Authlib."""

import hashlib
import logging
from typing import Any
from unicodedata import normalize

from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from adapters.catalogue import SYSTEM
from adapters.catalogue.accounts.accounts import ROLES, Account, name_from
from adapters.proxies import check_proxy
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.routes.signin import start_session
from flows.settings import Settings
from manifests.errors import CatalogueError, ReelmillError

router = APIRouter(route_class=LimitedRoute)
log = logging.getLogger(__name__)
CALLBACK = "/signin/oidc/callback"


class OidcProviderError(ReelmillError):
    """The sign-in provider rejected the request, or its response is invalid. Try again."""


def oauth_of(settings: Settings) -> Any:
    """Return the client of the configured provider, or None if none is configured."""
    if not settings.oidc_issuer:
        return None
    check_proxy(settings.oidc_issuer)
    secret = settings.oidc_client_secret
    oauth = OAuth()
    return oauth.register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
    )


@router.get("/signin/oidc")
async def begin(request: Request, deps: PageDeps) -> Response:
    """Redirect to the provider."""
    try:
        response: Response = await _client(deps).authorize_redirect(request, _back(request, deps.session.settings))
    except Exception as error:
        log.warning("The OpenID provider is unreachable: %s", error)
        message = "The sign-in provider is not responding. Try again, or sign in with a password."
        raise OidcProviderError(message) from error
    return response


@router.get(CALLBACK)
async def callback(request: Request, deps: PageDeps) -> Response:
    """Complete the sign-in. Authlib checks state, nonce, issuer, audience, signature and expiry."""
    settings = deps.session.settings
    try:
        token = await _client(deps).authorize_access_token(
            request,
            claims_options={
                "iss": {"essential": True, "value": settings.oidc_issuer},
                "aud": {"essential": True, "value": settings.oidc_client_id},
            },
        )
    except Exception as error:
        # Any error in the response means that the sign-in is refused.
        log.warning("Rejected a response of the OpenID provider: %s", error)
        raise OidcProviderError from error
    claims = token.get("userinfo")
    if not claims or not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise OidcProviderError("The sign-in provider did not send a user id. Contact its administrator.")
    return await run_in_threadpool(_sign_in, request, deps, claims)


def _sign_in(request: Request, deps: Deps, claims: dict[str, Any]) -> Response:
    account = account_of(deps, deps.session.settings, claims)
    if account.disabled:
        raise OidcProviderError("This account is disabled. Contact an admin.")
    return start_session(request, deps, account.name, "/")


def account_of(deps: Deps, settings: Settings, claims: dict[str, Any]) -> Account:
    """Return the account of a person, and create it on the first sign-in.

    With a role claim configured, every sign-in sets the account to the role in the claim; without a role in the
    claim the person is a viewer. If another account already has the name, the new account gets a number.
    """
    catalogue, role = deps.catalogue, _role(claims, settings.oidc_role_claim)
    known = catalogue.accounts.of_identity(settings.oidc_issuer, claims["sub"])
    if known:
        if settings.oidc_role_claim and role != known.role:
            catalogue.accounts.change(known.name, SYSTEM, role=role)
        return catalogue.accounts.get(known.name)
    wanted = name_from(_name(claims)[:70])
    taken = {_folded(account.name) for account in catalogue.accounts.all()}
    names = (wanted, *(f"{wanted} {number}" for number in range(2, 10_000)))
    name = next(each for each in names if _folded(each) not in taken)
    try:
        return catalogue.accounts.add(name, role, SYSTEM, issuer=settings.oidc_issuer, subject=claims["sub"])
    except CatalogueError as error:
        raise OidcProviderError(f"The name from the sign-in provider cannot be used for an account. {error}") from error


def _name(claims: dict[str, Any]) -> str:
    """Return the person's verified address, else their user name, else their id; claims of a wrong type do not count.

    A user name or id that looks like an address is not used, because the provider has not verified it.

    OpenID Connect defines ``email_verified`` as a boolean, but some providers, such as Apple, send the text "true".
    """
    is_verified = claims.get("email_verified") is True or claims.get("email_verified") == "true"
    verified = claims.get("email") if is_verified else None
    if isinstance(verified, str) and verified:
        return verified
    candidates = (claims.get("preferred_username"), claims["sub"])
    plain = (each for each in candidates if isinstance(each, str) and each and "@" not in normalize("NFKC", each))
    return next(plain, f"user {hashlib.sha256(claims['sub'].encode(errors='replace')).hexdigest()[:8]}")


def _folded(name: str) -> str:
    """Return a name without the differences that people overlook."""
    return normalize("NFKC", name).casefold()


def _role(claims: dict[str, Any], name: str | None) -> str:
    """Return the highest role in the claim, which is a role or a list of roles; viewer if there is none."""
    claim = claims.get(name) if name else None
    named = claim if isinstance(claim, list) else [claim]
    return next((role for role in reversed(ROLES) if role in named), "viewer")


def _client(deps: Deps) -> Any:
    if deps.oauth is None:
        raise OidcProviderError("No sign-in provider is configured. Set REELMILL_OIDC_ISSUER.")
    return deps.oauth


def _back(request: Request, settings: Settings) -> str:
    base = settings.review_url.rstrip("/") or str(request.base_url).rstrip("/")
    return base + CALLBACK
