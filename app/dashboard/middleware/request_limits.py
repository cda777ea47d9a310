"""Limits on request bodies: their size, and who may send one."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dashboard.middleware.error_response import error_response
from app.dashboard.middleware.security_middleware import SAFE_METHODS

MAX_BODY_BYTES = 5_000_000
MAX_UPLOAD_BYTES = 250_000_000
"""Limits in bytes; uploads of a sheet with its pictures may be larger than other forms."""
PUBLIC_FORMS = frozenset({"/signin", "/signout"})
"""Forms that accept a body from people who are not signed in."""


class BodyTooLargeError(HTTPException):
    """The request body exceeds its limit. FastAPI answers other exceptions while it parses a body with 400."""

    def __init__(self, most: int) -> None:
        super().__init__(413, too_large(most))


class RequestLimits:
    """Ignore the bodies of people who are not signed in, and reject bodies that are too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            return await self._app(scope, receive, send)
        if scope["state"].get("person") is None and scope["path"] not in PUBLIC_FORMS:
            return await self._app(scope, _empty_body, send)
        most = MAX_UPLOAD_BYTES if scope["path"] == "/upload" else MAX_BODY_BYTES
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > most:
            return await error_response(Request(scope), too_large(most), 413)(scope, receive, send)
        await self._app(scope, _counted(receive, most), send)


def too_large(most: int) -> str:
    """Return the message about a body with more than ``most`` bytes."""
    return f"The request is larger than {most / 1e6:.0f} MB. Send less data, or use the command line."


async def _empty_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _counted(receive: Receive, most: int) -> Receive:
    left = most

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise BodyTooLargeError(most)
        return message

    return receiving
