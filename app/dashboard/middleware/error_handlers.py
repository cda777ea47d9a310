"""Errors as pages and as JSON: one sentence, and the status that says whose turn it is."""

from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from app.cli.output import sentence_of
from app.dashboard.auth.login_rate_limit import TooManyAttemptsError
from app.dashboard.auth.roles import NotAllowedError, NotSignedInError
from app.dashboard.routes.media import MediaNotFoundError
from app.dashboard.templating import page
from manifests.errors import CatalogueError, ReelmillError

STATUS: tuple[tuple[type[ReelmillError], int], ...] = (
    (NotAllowedError, 403),
    (TooManyAttemptsError, 429),
    (MediaNotFoundError, 404),
    (ReelmillError, 400),
)


def add_error_handlers(app: FastAPI) -> None:
    """Let every error end in a sentence."""

    @app.exception_handler(NotSignedInError)
    def nobody(request: Request, error: NotSignedInError) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse(
                {"error": "Show a token: Authorization: Bearer TOKEN."}, 401, {"WWW-Authenticate": "Bearer"}
            )
        there = "/signin?next=" + quote(_path(request), safe="")
        if request.headers.get("HX-Request"):
            return Response(status_code=401, headers={"HX-Redirect": "/signin"})
        return RedirectResponse(there, 303) if request.method in ("GET", "HEAD") else told(request, str(error), 401)

    @app.exception_handler(ReelmillError)
    def ours(request: Request, error: ReelmillError) -> Response:
        status = next(number for kind, number in STATUS if isinstance(error, kind))
        if isinstance(error, CatalogueError):
            status = 503 if error.transient else 404 if "holds no" in str(error) or "No campaign" in str(error) else 400
        response = told(request, str(error), status)
        if status == 429:
            response.headers["Retry-After"] = "60"
        return response

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return told(request, f"{name}: {first['msg']}; mend it.", 422)

    @app.exception_handler(HTTPException)
    def missing(request: Request, error: HTTPException) -> Response:
        words = {404: "There is no such page.", 405: "This cannot be done here."}
        return told(request, words.get(error.status_code, str(error.detail)), error.status_code)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        response = told(
            request,
            sentence_of(error)
            if isinstance(error, OSError)
            else "Something went wrong here; the program's output says what.",
            500,
        )
        response.headers.update(request.app.state.headers)
        return response


def told(request: Request, sentence: str, status: int) -> Response:
    """Return a sentence as a page, or as JSON where a program asks."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": sentence}, status)
    return page(request, "error.html", status, sentence=sentence)


def _path(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
