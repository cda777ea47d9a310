"""Limits on request bodies: their size, and who may send one."""

from collections import Counter

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dashboard.auth.roles import Person, Role
from app.dashboard.middleware.error_response import error_response
from app.dashboard.middleware.security_middleware import SAFE_METHODS

MAX_BODY_BYTES = 5_000_000
MAX_UPLOAD_BYTES = 250_000_000
"""Limits in bytes; uploads of a sheet with its pictures may be larger than other forms."""
MAX_PUBLIC_BYTES = 16_000
"""Limit of the forms that people send before they are signed in: parsing a large form would delay everyone."""
PUBLIC_FORMS = frozenset({"/signin", "/signout"})
"""Forms that accept a body from people who are not signed in."""
UPLOADS = 2
"""Uploads of one person at the same time."""


class BodyTooLargeError(HTTPException):
    """The request body exceeds its limit. FastAPI answers other exceptions while it parses a body with 400."""

    def __init__(self, most: int) -> None:
        super().__init__(413, too_large(most))


class RequestLimits:
    """Ignore the bodies of people who are not signed in, and reject bodies that are too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._uploads: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            return await self._app(scope, receive, send)
        person: Person | None = scope["state"].get("person")
        if not _may_send_body(person, scope["path"]):
            return await self._app(scope, _empty_body, send)
        most = _limit_of(scope["path"])
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > most:
            return await error_response(Request(scope), too_large(most), 413)(scope, receive, send)
        if person and scope["path"] == "/upload":
            return await self._upload(person, scope, _counted(receive, most), send)
        await self._app(scope, _counted(receive, most), send)

    async def _upload(self, person: Person, scope: Scope, receive: Receive, send: Send) -> None:
        """Process an upload, which needs disk space until it is complete."""
        if self._uploads[person.name] >= UPLOADS:
            refusal = f"Only {UPLOADS} uploads at the same time are possible. Wait until one is complete."
            return await error_response(Request(scope), refusal, 429, {"Retry-After": "10"})(scope, receive, send)
        self._uploads[person.name] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._uploads[person.name] -= 1


def _may_send_body(person: Person | None, path: str) -> bool:
    """Return whether the body is read at all; the route then refuses the request of a person without the role."""
    if person is None:
        return path in PUBLIC_FORMS
    return path != "/upload" or person.role != Role.VIEWER


def _limit_of(path: str) -> int:
    """Return the maximum size of a body in bytes."""
    if path == "/upload":
        return MAX_UPLOAD_BYTES
    return MAX_PUBLIC_BYTES if path in PUBLIC_FORMS else MAX_BODY_BYTES


def too_large(most: int) -> str:
    """Return the message about a body with more than ``most`` bytes."""
    size = f"{most / 1e6:.0f} MB" if most >= 1e6 else f"{most / 1e3:.0f} kB"
    return f"The request is larger than {size}. Send less data, or use the command line."


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
