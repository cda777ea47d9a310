"""How much a request may carry, and for whom its body is read at all."""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dashboard.middleware.security_middleware import SAFE_METHODS

LARGEST = 5_000_000
LARGEST_UPLOAD = 250_000_000
"""Bytes; a sheet with its pictures may have more than other forms."""
OF_STRANGERS = frozenset({"/signin", "/signout"})
"""Forms that take what strangers send; every other body is read for somebody who is known."""


class BodyTooLargeError(Exception):
    """The body went on beyond its limit."""


class RequestLimits:
    """Reads no body of a stranger, and none that is too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            return await self._app(scope, receive, send)
        if scope["state"].get("person") is None and scope["path"] not in OF_STRANGERS:
            return await self._app(scope, _nothing, send)
        most = LARGEST_UPLOAD if scope["path"] == "/upload" else LARGEST
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > most:
            told = f"This is larger than {most / 1e6:.0f} MB; send less, or use the command line."
            return await PlainTextResponse(told, 413)(scope, receive, send)
        await self._app(scope, _counted(receive, most), send)


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _counted(receive: Receive, most: int) -> Receive:
    left = most

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise BodyTooLargeError
        return message

    return receiving
