"""The FastAPI app: routers, middleware and background services."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import uvicorn
from fastapi import APIRouter, Depends, FastAPI

from app.api import routes as api
from app.dashboard.auth import oidc
from app.dashboard.bundle import route as bundle
from app.dashboard.capacity.connections import TimedProtocol, log_refused_connections_once, raise_file_limit
from app.dashboard.capacity.file_response import StaticFilesInMemory
from app.dashboard.deps import Deps
from app.dashboard.middleware.error_handlers import add_error_handlers
from app.dashboard.middleware.head_requests import HeadRequests
from app.dashboard.middleware.input_text import check_input
from app.dashboard.middleware.json_errors import JsonErrors
from app.dashboard.middleware.request_limits import RequestLimits
from app.dashboard.middleware.security_middleware import (
    AuthenticationMiddleware,
    OidcCookieMiddleware,
    SecurityMiddleware,
    csp,
    headers_of,
)
from app.dashboard.routes import accounts as people
from app.dashboard.routes import audit as audit_page
from app.dashboard.routes import blind_review as second
from app.dashboard.routes import (
    calibration,
    campaigns,
    clip,
    compare,
    gallery,
    media,
    metrics,
    share,
    signin,
    steering,
    upload,
)
from app.dashboard.routes import decisions as decide
from app.dashboard.routes import jobs as provider_jobs
from app.dashboard.templating import HERE
from app.session import Session
from flows.runtime.alert_delivery import delivering_alerts

ROUTERS: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (
        campaigns,
        steering,
        upload,
        gallery,
        bundle,
        decide,
        clip,
        compare,
        second,
        calibration,
        media,
        api,
        signin,
        oidc,
        people,
        provider_jobs,
        share,
        audit_page,
        metrics,
    )
)
OIDC_COOKIE_S = 600


def create_app(session: Session) -> FastAPI:
    """Return the dashboard over the session's catalogue."""
    settings = session.settings
    app = FastAPI(
        title="Reelmill",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        dependencies=[Depends(check_input)],
    )
    app.state.deps = Deps(session, oauth=oidc.oauth_of(settings))
    app.mount("/static", StaticFilesInMemory(directory=HERE / "static"), name="static")
    for router in ROUTERS:
        app.include_router(router)
    add_error_handlers(app)
    app.add_middleware(JsonErrors)
    if settings.oidc_issuer:
        app.add_middleware(
            OidcCookieMiddleware,
            review_url=settings.review_url,
            secret_key=secrets.token_hex(),
            max_age=OIDC_COOKIE_S,
        )
    app.add_middleware(RequestLimits)
    app.add_middleware(AuthenticationMiddleware, catalogue=session.catalogue, review_url=settings.review_url)
    # The response to an unexpected error bypasses SecurityMiddleware, so its handler reads the headers from here.
    app.state.headers = headers_of(csp(_media_origin(session), _origin(settings.oidc_issuer)), settings.review_url)
    app.add_middleware(SecurityMiddleware, headers=app.state.headers, review_url=settings.review_url)
    app.add_middleware(HeadRequests)
    return app


def server_of(app: FastAPI) -> uvicorn.Server:
    """Return the HTTP server of the dashboard, which disconnects clients that are too slow."""
    raise_file_limit()
    proxies = app.state.deps.session.settings.trusted_proxies
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=TimedProtocol,
            log_level="warning",
            timeout_graceful_shutdown=3,
            server_header=False,
            # uvicorn trusts X-Forwarded-For from loopback by default, but every process of this machine can send it.
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
        )
    )


def _media_origin(session: Session) -> str:
    """Return the origins of presigned media URLs, or an empty string if the bucket is a folder."""
    place = session.resources.bucket
    if not place.location.startswith("s3://"):
        return ""
    name = place.location.removeprefix("s3://").partition("/")[0]
    return (
        _origin(place.endpoint or "")
        or f"https://{name}.s3.amazonaws.com https://{name}.s3.{place.region}.amazonaws.com"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the background services with the app and stop them with it."""
    log_refused_connections_once(asyncio.get_running_loop())
    deps: Deps = app.state.deps
    deps.deliveries.start()
    with delivering_alerts(deps.session.settings, deps.catalogue):
        try:
            yield
        finally:
            deps.jobs.stop()
            deps.deliveries.stop()
