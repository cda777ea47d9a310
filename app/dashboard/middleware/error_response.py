"""An error as a page for people, or as JSON under /api."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from app.dashboard.templating import page

TITLES = {
    401: "Sign-in required",
    403: "Access denied",
    404: "Not found",
    405: "Method not allowed",
    413: "Request too large",
    429: "Too many requests",
    500: "Unexpected error",
    503: "Service unavailable",
    507: "Disk full",
}
HIDDEN = "The dashboard cannot use its database at the moment. Try again later, or contact an admin."
"""Message for people who are not signed in, who must not see paths and names of this machine."""
MAX_SENTENCE = 2000
"""Maximum length of a message in characters; a longer one repeats a long input."""


def is_api(path: str) -> bool:
    """Return whether a path belongs to the JSON API, which answers programs."""
    return path == "/api" or path.startswith("/api/")


def error_response(request: Request, sentence: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a message as an error page, or as ``{"error": message}`` under /api."""
    sentence = _encodable(sentence)
    if is_api(request.scope["path"]):
        return JSONResponse({"error": sentence}, status, dict(headers or {}))
    response = page(request, "error.html", status, title=TITLES.get(status, "Request failed"), sentence=sentence)
    response.headers.update(headers or {})
    return response


def _encodable(sentence: str) -> str:
    """Return a message that UTF-8 can encode: it can repeat an input with lone surrogates."""
    return sentence[:MAX_SENTENCE].encode("utf-8", "replace").decode()
