"""Answer HEAD wherever GET is possible, with the same headers and no body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ONE_TIME = frozenset({"/signin/once", "/signin/oidc", "/signin/oidc/callback"})
"""GET has an effect here: a program that previews links must not use up a link."""
PATH_SEND = "http.response.pathsend"


class HeadRequests:
    """Handle HEAD like GET, and drop the body of the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"] in ONE_TIME:
            return await self._app(scope, receive, send)
        # With this extension a response names its file instead of reading it.
        extensions = {**(scope.get("extensions") or {}), PATH_SEND: {}}
        await self._app({**scope, "method": "GET", "extensions": extensions}, receive, _without_body(send))


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            await send({**message, "body": b""})
        elif message["type"] == PATH_SEND:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await send(message)

    return sending
