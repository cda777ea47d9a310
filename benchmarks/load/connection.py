"""A small HTTP client, so that the load generator leaves the processor to the server."""

import asyncio
import time
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlencode

_LIMIT = 1 << 16


class Answer(NamedTuple):
    """A response.

    Attributes:
        headers: by lower-case name; several values of one header are separated by a line feed.
        first_s: seconds until its headers.
        all_s: seconds until the end of its body.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    first_s: float
    all_s: float


class Connection:
    """One person's keep-alive connection to the dashboard on this machine."""

    def __init__(self, port: int, cookie: str = "", address: str = "") -> None:
        self._port = port
        self.cookie = cookie
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> Answer:
        """Send a GET request as HTMX does, and read the response."""
        return await self._ask("GET", path, b"")

    async def post(self, path: str, **form: str) -> Answer:
        """Send a form."""
        return await self._ask("POST", path, urlencode(form).encode())

    async def download(self, path: str, at_most: float) -> Answer:
        """Send a GET request and count the bytes of the response for some seconds; the body is not kept."""
        began = time.perf_counter()
        reader, writer = await self._send("GET", path, b"")
        status, headers = await _head(reader)
        first, size = time.perf_counter() - began, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, at_most - first)):
                while piece := await reader.read(_LIMIT):
                    size += len(piece)
        writer.transport.abort()
        self._streams = None
        return Answer(status, headers, str(size).encode(), first, time.perf_counter() - began)

    async def sign_in(self, name: str, password: str) -> Answer:
        """Sign in and keep the cookies of the session and of the device."""
        answer = await self.post("/signin", name=name, password=password)
        cookies = answer.headers.get("set-cookie", "").split("\n")
        self.cookie = "; ".join(cookie.partition(";")[0] for cookie in cookies)
        return answer

    def twin(self) -> "Connection":
        """Return another connection of the same person."""
        return Connection(self._port, self.cookie, self._address)

    def close(self) -> None:
        """Close the connection."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, method: str, path: str, body: bytes) -> Answer:
        began = time.perf_counter()
        try:
            reader, _ = await self._send(method, path, body)
            status, headers = await _head(reader)
        except (ConnectionError, asyncio.IncompleteReadError):  # the server closed an idle connection
            self.close()
            reader, _ = await self._send(method, path, body)
            status, headers = await _head(reader)
        first = time.perf_counter() - began
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, content, first, time.perf_counter() - began)

    async def _send(self, method: str, path: str, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_LIMIT)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", "HX-Request: true"]
        lines += [f"Cookie: {self.cookie}"] if self.cookie else []
        lines += [f"X-Forwarded-For: {self._address}"] if self._address else []
        if method == "POST":
            lines += [
                f"Origin: http://127.0.0.1:{self._port}",
                "Content-Type: application/x-www-form-urlencoded",
                f"Content-Length: {len(body)}",
            ]
        writer = self._streams[1]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        return self._streams


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields: dict[str, str] = {}
    for name, _, value in (line.partition(": ") for line in lines[1:] if line):
        fields[name.lower()] = "\n".join(filter(None, (fields.get(name.lower()), value)))
    return int(lines[0].split()[1]), fields
