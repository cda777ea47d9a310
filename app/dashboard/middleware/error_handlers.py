"""Convert exceptions to error pages or JSON errors with a status code."""

from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from app.cli.output import sentence_of
from app.dashboard.auth.login_rate_limit import TooManyAttemptsError
from app.dashboard.auth.roles import NotAllowedError, NotSignedInError
from app.dashboard.capacity.work_limit import ServerBusyError, TooManyRequestsError
from app.dashboard.routes.media import MediaNotFoundError
from app.dashboard.templating import page
from manifests.errors import CatalogueError, NotFoundError, ReelmillError

STATUS: tuple[tuple[type[ReelmillError], int], ...] = (
    (NotAllowedError, 403),
    (TooManyAttemptsError, 429),
    (TooManyRequestsError, 429),
    (ServerBusyError, 503),
    (MediaNotFoundError, 404),
    (NotFoundError, 404),
    (ReelmillError, 400),
)
TITLES = {
    401: "Sign-in required",
    403: "Access denied",
    404: "Not found",
    429: "Too many requests",
    500: "Unexpected error",
    503: "Service unavailable",
}


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
        response = error_response(request, str(error), status)
        if status == 429 or isinstance(error, ServerBusyError):
            response.headers["Retry-After"] = "60" if isinstance(error, TooManyAttemptsError) else "10"
        return response

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or "the request body"
        return error_response(request, f"Invalid value for {name}: {first['msg']}.", 422)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        words = {404: "This page does not exist.", 405: "This URL does not support the request method."}
        return error_response(request, words.get(error.status_code, str(error.detail)), error.status_code)

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


def _sign_in_first(request: Request, message: str) -> Response:
    """Redirect people to the sign-in page, and ask programs for a token."""
    if request.url.path.startswith("/api/"):
        error = "Missing or invalid API token. Send the header Authorization: Bearer TOKEN."
        return JSONResponse({"error": error}, 401, {"WWW-Authenticate": "Bearer"})
    if request.headers.get("HX-Request"):
        return Response(status_code=401, headers={"HX-Redirect": "/signin"})
    if request.method in ("GET", "HEAD"):
        return RedirectResponse("/signin?next=" + quote(_path(request), safe=""), 303)
    return error_response(request, message, 401)


def error_response(request: Request, sentence: str, status: int) -> Response:
    """Return a message as an error page, or as JSON under /api/."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": sentence}, status)
    return page(request, "error.html", status, title=TITLES.get(status, "Request failed"), sentence=sentence)


def _path(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
