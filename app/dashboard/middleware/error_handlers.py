"""Convert exceptions to error pages or JSON errors with a status code."""

import logging
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Mount

from app.cli.output import sentence_of
from app.dashboard.auth.login_rate_limit import TooManyAttemptsError
from app.dashboard.auth.roles import NotAllowedError, NotSignedInError
from app.dashboard.capacity.work_limit import ServerBusyError, TooManyRequestsError
from app.dashboard.middleware.error_response import HIDDEN, error_response, is_api
from app.dashboard.middleware.input_text import InvalidInputError
from app.dashboard.middleware.invalid_request import invalid_value
from app.dashboard.routes.media import MediaNotFoundError
from manifests.errors import (
    BucketError,
    BucketUnreachableError,
    CatalogueError,
    CredentialError,
    DiskFullError,
    IncompleteLogError,
    NotFoundError,
    ReelmillError,
    SignerUnavailableError,
)

log = logging.getLogger(__name__)
STATUS: tuple[tuple[type[ReelmillError], int], ...] = (
    (NotAllowedError, 403),
    (TooManyAttemptsError, 429),
    (TooManyRequestsError, 429),
    (ServerBusyError, 503),
    (InvalidInputError, 422),
    (BucketUnreachableError, 503),
    (SignerUnavailableError, 503),
    (DiskFullError, 507),
    (BucketError, 409),
    (CredentialError, 409),
    (MediaNotFoundError, 404),
    (NotFoundError, 404),
    (IncompleteLogError, 503),
    (ReelmillError, 400),
)
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
WORDS = {
    "There was an error parsing the body": "The request body cannot be parsed. Send valid JSON, or a valid form.",
    "Not Found": "This page does not exist.",
    "Method Not Allowed": "This URL does not support the request method.",
}
"""Messages for people, by the details with which the framework raises errors."""


def add_error_handlers(app: FastAPI) -> None:
    """Register a handler for every kind of error.

    They are async because a plain function runs in a thread, and many refused requests would then need many threads.
    """

    @app.exception_handler(NotSignedInError)
    async def not_signed_in(request: Request, error: NotSignedInError) -> Response:
        return _sign_in_first(request, str(error))

    @app.exception_handler(ReelmillError)
    async def known_error(request: Request, error: ReelmillError) -> Response:
        status = next(number for kind, number in STATUS if isinstance(error, kind))
        if isinstance(error, CatalogueError) and error.transient:
            status = 503
        if getattr(request.state, "person", None) is None and _shows_this_machine(error):
            log.error("%s", error)
            return error_response(request, _public_message(error), max(status, 500))
        wait = {}
        if status == 429 or isinstance(error, ServerBusyError):
            wait = {"Retry-After": str(error.wait_s) if isinstance(error, TooManyAttemptsError) else "10"}
        return error_response(request, str(error), status, wait)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> Response:
        return error_response(request, invalid_value(error.errors()[0]), 422)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(request) or ("GET", "HEAD"))  # static files have no routes
        return error_response(request, WORDS.get(str(error.detail), str(error.detail)), error.status_code, headers)

    @app.exception_handler(Exception)
    async def unexpected_error(request: Request, error: Exception) -> Response:
        response = error_response(
            request,
            sentence_of(error)
            if isinstance(error, OSError)
            else "An unexpected error occurred. The log of the dashboard shows the details.",
            500,
        )
        response.headers.update(request.app.state.headers)
        return response


def _shows_this_machine(error: ReelmillError) -> bool:
    """Return whether a message can name the database or a path, which people who are not signed in must not see."""
    return isinstance(error, CatalogueError | DiskFullError) and not isinstance(error, NotFoundError)


def _public_message(error: ReelmillError) -> str:
    """Return what people who are not signed in may read; an incomplete log is no matter of waiting."""
    return str(IncompleteLogError()) if isinstance(error, IncompleteLogError) else HIDDEN


def _sign_in_first(request: Request, message: str) -> Response:
    """Redirect people to the sign-in page, and ask programs for a token."""
    if is_api(request.scope["path"]):
        error = "Missing or invalid API token. Send the header Authorization: Bearer TOKEN."
        return error_response(request, error, 401, {"WWW-Authenticate": "Bearer"})
    if request.headers.get("HX-Request"):
        return Response(status_code=401, headers={"HX-Redirect": "/signin"})
    if request.method in ("GET", "HEAD"):
        return RedirectResponse("/signin?next=" + quote(_path(request), safe=""), 303)
    return error_response(request, message, 401)


def allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes with the request's path; the framework names those of the first one only."""
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]
    found = {method for method in METHODS if any(_matches(route, request, method) for route in routes)}
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _matches(route: BaseRoute, request: Request, method: str) -> bool:
    match, _ = route.matches({**request.scope, "method": method})
    return match == Match.FULL


def _path(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
