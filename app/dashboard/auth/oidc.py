"""Signing in by an OpenID provider: authorization code with PKCE, by Authlib."""

import logging
from typing import Any

from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from adapters.catalogue import SYSTEM
from adapters.catalogue.accounts.accounts import ROLES, Account
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.routes.signin import welcome
from flows.settings import Settings
from manifests.errors import CatalogueError, ReelmillError

router = APIRouter()
log = logging.getLogger(__name__)
CALLBACK = "/signin/oidc/callback"


class OidcProviderError(ReelmillError):
    """The sign-in provider refused, or its answer does not hold; try again."""


def oauth_of(settings: Settings) -> Any:
    """Return the client of the provider that the settings name; None where they name none."""
    if not settings.oidc_issuer:
        return None
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
    """Lead to the provider."""
    try:
        response: Response = await _client(deps).authorize_redirect(request, _back(request, deps.session.settings))
    except Exception as error:
        log.warning("The OpenID provider cannot be asked: %s", error)
        raise OidcProviderError("The sign-in provider does not answer; try again, or sign in by password.") from error
    return response


@router.get(CALLBACK)
async def callback(request: Request, deps: PageDeps) -> Response:
    """Take the provider's word: state, nonce, issuer, audience, signature and expiry are checked by Authlib."""
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
        # Whatever is wrong with the answer, nobody comes in by it.
        log.warning("An answer of the OpenID provider was refused: %s", error)
        raise OidcProviderError from error
    claims = token.get("userinfo")
    if not claims or not claims.get("sub"):
        raise OidcProviderError("The sign-in provider did not say who you are; ask its administrator.")
    return await run_in_threadpool(_let_in, deps, claims)


def _let_in(deps: Deps, claims: dict[str, Any]) -> Response:
    account = account_of(deps, deps.session.settings, claims)
    if account.disabled:
        raise OidcProviderError("This account is disabled; ask an admin.")
    return welcome(deps, account.name, "/")


def account_of(deps: Deps, settings: Settings, claims: dict[str, Any]) -> Account:
    """Return the person's account; a new person gets one, in the role that the provider names, or as a viewer.

    Where the provider names roles, its word of today counts: who has lost theirs there is a viewer here.
    A name that somebody else has is never taken over: it gets a number.
    """
    catalogue, role = deps.catalogue, _role(claims, settings.oidc_role_claim)
    known = catalogue.accounts.of_identity(settings.oidc_issuer, str(claims["sub"]))
    if known:
        if settings.oidc_role_claim and role != known.role:
            catalogue.accounts.change(known.name, SYSTEM, role=role)
        return catalogue.accounts.get(known.name)
    email = claims.get("email") if claims.get("email_verified") else None
    wanted = str(email or claims.get("preferred_username") or claims["sub"])[:70]
    taken = {account.name for account in catalogue.accounts.all()}
    name = next(each for each in (wanted, *(f"{wanted} {number}" for number in range(2, 10_000))) if each not in taken)
    try:
        return catalogue.accounts.add(name, role, SYSTEM, issuer=settings.oidc_issuer, subject=str(claims["sub"]))
    except CatalogueError as error:
        raise OidcProviderError(f"The provider's name for you cannot be an account: {error}") from error


def _role(claims: dict[str, Any], name: str | None) -> str:
    """Return the highest role that the claim names, alone or in a list; without any, viewer."""
    said = claims.get(name) if name else None
    named = said if isinstance(said, list) else [said]
    return next((role for role in reversed(ROLES) if role in named), "viewer")


def _client(deps: Deps) -> Any:
    if deps.oauth is None:
        raise OidcProviderError("No sign-in provider is set; set REELMILL_OIDC_ISSUER.")
    return deps.oauth


def _back(request: Request, settings: Settings) -> str:
    base = settings.review_url.rstrip("/") or str(request.base_url).rstrip("/")
    return base + CALLBACK
