"""Middleware before every route: the token, the size of bodies, and security headers."""

import hashlib
import hmac

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dashboard.auth.login_rate_limit import network_of
from app.model_server.errors import error_response

OPEN_PATHS = frozenset({"/healthz", "/docs", "/docs.css", "/openapi.json"})
"""Paths that need no token: they show nothing of the jobs."""
MAX_BODY_BYTES = 30_000_000
"""A picture of 20 MB as base64 in JSON, and the other fields."""
FAILURES = parse("20/minute")
"""Requests with a wrong token that a network may send in a minute before it is rate-limited."""
WRONG = "The token is missing or wrong. Send the header `Authorization: Bearer TOKEN` with the server's token."
TOO_MANY = "Too many requests with a wrong token. Wait a minute, then try again with the server's token."
TOO_LARGE = f"The request is larger than {MAX_BODY_BYTES // 10**6} MB. Send a smaller picture."
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class TokenMiddleware:
    """Refuse requests without the token; clients with the correct token are never rate-limited because of others."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._digest = _digest(token)
        self._failures = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            return await self._app(scope, receive, send)
        kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(_digest(given.strip()), self._digest):
            scope.setdefault("state", {})["person"] = "token"  # connections treat its uploads as work
            return await self._app(scope, receive, send)
        network = network_of(scope["client"][0]) if scope.get("client") else ""
        if self._failures.hit(FAILURES, network):
            refusal = error_response(401, WRONG, "invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        else:
            refusal = error_response(429, TOO_MANY, "rate_limit_exceeded", headers={"Retry-After": "60"})
        await refusal(scope, receive, send)


class BodyLimit:
    """Refuse bodies that are too large, also those that do not declare their length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        length = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            return await error_response(413, TOO_LARGE, "request_too_large")(scope, receive, send)
        await self._app(scope, _counted(receive), send)


class SecurityHeaders:
    """Add the security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, sending)


def _digest(token: str) -> bytes:
    """Return a value of fixed length, so that a comparison does not depend on the length of the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _counted(receive: Receive) -> Receive:
    left = MAX_BODY_BYTES

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, TOO_LARGE)
        return message

    return receiving
