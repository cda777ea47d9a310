"""Middleware before every route: authentication, host and origin checks, security headers."""

import logging
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from anyio import Semaphore
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.catalogue import Catalogue
from adapters.catalogue.accounts.accounts import Account
from app.dashboard.auth.roles import Person, Role
from app.dashboard.middleware.error_response import HIDDEN, error_response, is_api
from manifests.errors import ReelmillError

log = logging.getLogger(__name__)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PERSON_CACHE_S = 3.0
"""Cache time of a signed-in person: a page of posters needs one lookup; a revoked session ends this much later."""

LOOKUPS = 4
"""Sessions and tokens that are looked up at the same time."""

OTHER_HOST = "Unknown host name. Use the address that `reelmill review` prints, or set REELMILL_REVIEW_URL."
NUL = "The address contains a NUL character. Correct the address."


def cookie_name(review_url: str, host: str, use: str = "reelmill") -> str:
    """Return the name of a cookie; over HTTPS the prefix ``__Host-`` binds it to this host.

    Browsers send a cookie to every port of a host. The name contains the port, so that several dashboards on one host,
    or behind SSH tunnels, do not replace each other's cookies.

    Args:
        host: value of the request's Host header, which contains the port that the browser uses.
    """
    name, colon, port = (urlsplit(review_url).netloc or host).rpartition(":")
    suffix = f"-{int(port)}" if colon and name and port.isdecimal() and len(port) <= 5 else ""
    return ("__Host-" if review_url.startswith("https://") else "") + use + suffix


def csp(media_origin: str = "", form_origin: str = "") -> str:
    """Return the content security policy: no inline code, and no other origin except for the bucket's media."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            f"img-src 'self' data: {media_origin}".rstrip(),
            f"media-src 'self' {media_origin}".rstrip(),
            f"form-action 'self' {form_origin}".rstrip(),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def headers_of(policy: str, review_url: str) -> dict[str, str]:
    """Return the security headers of every response."""
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        # Sends no referrer to other sites. The own forms need an Origin header, which no-referrer would suppress.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }
    return headers | ({"Strict-Transport-Security": "max-age=31536000"} if review_url.startswith("https://") else {})


class SecurityMiddleware:
    """Reject unknown hosts and forms of other sites, and add the security headers to every response."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str], review_url: str) -> None:
        self._app = app
        self._headers = headers
        public = urlsplit(review_url).hostname
        self._hosts = LOOPBACK | ({public} if public else set())
        self._origin = f"{urlsplit(review_url).scheme}://{urlsplit(review_url).netloc}" if review_url else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            return await error_response(Request(scope), NUL, 400)(scope, receive, self._with(send))
        host = Headers(scope=scope).get("host", "")
        if _name_of(host) not in self._hosts:
            return await error_response(Request(scope), OTHER_HOST, 400)(scope, receive, self._with(send))
        if refusal := self._refusal(scope, host):
            return await error_response(Request(scope), refusal, 403)(scope, receive, self._with(send))
        await self._app(scope, receive, self._with(send))

    def _refusal(self, scope: Scope, host: str) -> str:
        headers = Headers(scope=scope)
        if scope["method"] in SAFE_METHODS or is_api(scope["path"]):
            return ""  # changes under /api need a token, which other sites do not have
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        own = {f"http://{host}", f"https://{host}", self._origin} - {""}
        if (site is not None and site != "same-origin") or (origin is not None and origin not in own):
            return "This form was sent from another site, so nothing was changed. Use the pages of the dashboard."
        if site is None and origin is None:
            return (
                "The request has no Origin header, so nothing was changed. In a program such as curl, send the header "
                f"`Origin: {self._origin or f'http://{host}'}`, or use an API token with the addresses below /api/. In "
                "a browser, install a newer version."
            )
        return ""

    def _with(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return sending


class AuthenticationMiddleware:
    """Identify the signed-in person: by cookie on pages, by API token under /api/ only."""

    def __init__(self, app: ASGIApp, catalogue: Catalogue, review_url: str) -> None:
        self._app = app
        self._catalogue = catalogue
        self._review_url = review_url
        self._lookups = Semaphore(LOOKUPS)
        self._known: dict[tuple[str, str], tuple[float, Person | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] == "http" and not scope["path"].startswith("/static/"):
            try:
                scope.setdefault("state", {})["person"] = await self._person(scope)
            except ReelmillError as error:
                log.error("%s", error)
                return await error_response(Request(scope), HIDDEN, 503)(scope, receive, send)
            scope["state"]["forget"] = self._known.clear
        await self._app(scope, receive, send)

    async def _person(self, scope: Scope) -> Person | None:
        headers = Headers(scope=scope)
        if _has_token(scope["path"], headers):
            return await self._find("token", headers["authorization"].partition(" ")[2].strip())
        secret = Request(scope).cookies.get(cookie_name(self._review_url, headers.get("host", "")), "")
        # Changes under /api/ need a token. A cookie is not enough, because other sites could use it (CSRF).
        if not secret or (is_api(scope["path"]) and scope["method"] not in SAFE_METHODS):
            return None
        return await self._find("session", secret)

    async def _find(self, kind: str, secret: str) -> Person | None:
        find = self._catalogue.tokens.holder if kind == "token" else self._catalogue.sessions.account
        until, person = self._known.get((kind, secret), (0.0, None))
        if until > time.monotonic():
            return person
        async with self._lookups:
            until, person = self._known.get((kind, secret), (0.0, None))
            if until > time.monotonic():
                return person  # another request of the person has found it meanwhile
            now = time.monotonic()
            found = _person_of(await run_in_threadpool(find, secret))
            if len(self._known) > 1000:
                self._known.clear()
            self._known[kind, secret] = now + PERSON_CACHE_S, found
        return found


class OidcCookieMiddleware:
    """Keep the state of a sign-in at the OpenID provider in a cookie of this dashboard."""

    def __init__(self, app: ASGIApp, review_url: str, secret_key: str, max_age: int) -> None:
        self._app = app
        self._review_url = review_url
        self._secret_key = secret_key
        self._max_age = max_age

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        name = cookie_name(self._review_url, Headers(scope=scope).get("host", ""), "reelmill_oidc")
        https = self._review_url.startswith("https://")
        keep = SessionMiddleware(self._app, self._secret_key, name, max_age=self._max_age, https_only=https)
        await keep(scope, receive, send)


def _person_of(account: Account | None) -> Person | None:
    return Person(account.name, Role[account.role.upper()]) if account else None


def _has_token(path: str, headers: Mapping[str, str]) -> bool:
    return is_api(path) and headers.get("authorization", "").lower().startswith("bearer ")


def _name_of(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()
