"""Give every error under /api the same JSON body, also those that a library answers with plain text."""

import json

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dashboard.middleware.error_response import is_api


class JsonErrors:
    """Replace error bodies under /api that are not JSON; their text becomes the message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] == "http" and is_api(scope["path"]):
            send = _Converted(send)
        await self._app(scope, receive, send)


class _Converted:
    """The send function of a response: keeps an error's start until its text is known."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._text = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_foreign_error(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._text += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        sentence = self._text.decode("utf-8", "replace") or "The request failed."
        body = json.dumps({"error": sentence}).encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"], headers["content-length"] = "application/json", str(len(body))
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _is_foreign_error(start: Message) -> bool:
    kind = Headers(raw=list(start.get("headers", ()))).get("content-type", "")
    return start["status"] >= 400 and not kind.startswith("application/json")
