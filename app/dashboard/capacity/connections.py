"""Connections with limits: clients that send or read too slowly are disconnected, and idle or stalled ones make room.

uvicorn limits only the time between two requests. Without these limits, one client could open connections until the
process has no file descriptors left, and then nobody could sign in.
"""

import asyncio
import logging
import resource
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.dashboard.auth.login_rate_limit import network_of

log = logging.getLogger(__name__)

HEADERS_S = 15.0
"""Time for the headers of a request, from the start of the connection or from their first byte."""
BODY_S = 30.0
MIN_RATE = 2000
"""A body may take BODY_S, and one second more for each MIN_RATE bytes that have arrived."""
STALL_S = 60.0
"""Time in which a client must read what is in the buffer: at most one block of a download."""
MAX_IDLE = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
"""Connections without a complete request. For another one, the oldest of them is closed."""
MAX_CONNECTIONS = 1000
"""All connections. For another one, the oldest that is idle or does not read is closed, or else the oldest at work."""
RESERVED_FILES = 200
"""File descriptors for everything else, such as the database, files that are read, and child processes."""
WANTED_FILES = 8192
ACCEPT_WARNING_S = 60.0


class TimedProtocol(H11Protocol):
    """HTTP/1.1 with time limits for headers, bodies and responses."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._idle_since = time.monotonic()
        self._stalled_since = 0.0
        self.network = ""
        self._body_since: float | None = None
        self._received = 0

    @property
    def is_idle(self) -> bool:
        """True while a request is awaited or incomplete, so that there is nothing to do.

        A body of a person who is signed in is work: _limit_body ends it if it does not keep its rate.
        """
        is_awaited = self._reading is not None or (self.cycle is not None and self.cycle.response_complete)
        return is_awaited and not self.is_stalled and not self.is_upload and not self.transport.is_closing()

    @property
    def is_upload(self) -> bool:
        """True while a person who is signed in sends a body."""
        return self._body_since is not None and self._person is not None

    @property
    def is_stalled(self) -> bool:
        """True while the client does not read what was sent."""
        return self._writing is not None and not self.transport.is_closing()

    @property
    def since(self) -> float:
        """Since when the connection is stalled, or else idle."""
        return self._stalled_since if self.is_stalled else self._idle_since

    @property
    def _person(self) -> object:
        state: dict[str, object] = (self.scope or {}).get("state", {})
        return state.get("person")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit of the headers, and close another connection if there are too many."""
        super().connection_made(transport)
        self.network = network_of(self.client[0]) if self.client else ""
        self._limit_reading(HEADERS_S)
        everyone = [each for each in self.connections if isinstance(each, TimedProtocol)]
        idle = [each for each in everyone if each.is_idle]
        if len(idle) > MAX_IDLE:
            _oldest(idle).transport.abort()
        elif len([each for each in everyone if not each.transport.is_closing()]) > _most_connections():
            others = [each for each in everyone if each is not self and not each.transport.is_closing()]
            closable = [each for each in others if each.is_idle or each.is_stalled]
            _oldest(closable or others).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the time limits."""
        self._stop_reading()
        self._stop_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start, extend or end the time limit of the request that is arriving."""
        if not self.flow.write_paused:
            self._stop_writing()  # who sends another request has read the last response
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._limit_body(len(data))
        elif state is not h11.IDLE:
            self._stop_reading()
        elif self._reading is None:
            self._limit_reading(HEADERS_S)

    def on_response_complete(self) -> None:
        """Note since when the connection is idle, and limit the time of what is left to send."""
        self._idle_since = time.monotonic()
        self._stop_reading()
        if self.transport.get_write_buffer_size():
            self._limit_writing()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Limit the time until the client has read the buffer."""
        self._limit_writing()
        super().pause_writing()

    def resume_writing(self) -> None:
        """End the time limit: the client is reading."""
        self._stop_writing()
        super().resume_writing()

    def _limit_body(self, size: int) -> None:
        now = time.monotonic()
        if self._body_since is None:
            self._stop_reading()
            self._body_since, self._received = now, 0
        self._received += size
        self._limit_reading(self._body_since + BODY_S + self._received / MIN_RATE - now)

    def _limit_reading(self, seconds: float) -> None:
        if self._reading:
            self._reading.cancel()
        self._reading = self.loop.call_later(seconds, self._end_reading)

    def _end_reading(self) -> None:
        if self.flow.read_paused:  # the client waits for the server, not the other way round
            self._limit_reading(BODY_S)
        else:
            self.transport.abort()

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading.cancel()
        self._reading = self._body_since = None

    def _limit_writing(self) -> None:
        if self._writing is None:
            self._stalled_since = time.monotonic()
            self._writing = self.loop.call_later(STALL_S, self.transport.abort)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing.cancel()
        self._writing = None


def raise_file_limit() -> None:
    """Let this process open as many files as it may, up to WANTED_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def log_refused_connections_once(loop: asyncio.AbstractEventLoop) -> None:
    """Log in one line that no connection can be accepted, not with a traceback for each connection."""
    last = -ACCEPT_WARNING_S

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        if "socket.accept()" not in str(context.get("message")):
            loop.default_exception_handler(context)
        elif time.monotonic() - last >= ACCEPT_WARNING_S:
            last = time.monotonic()
            log.warning("Connections cannot be accepted: %s. Raise the limit of open files.", context.get("exception"))

    loop.set_exception_handler(handle)


def _most_connections() -> int:
    """Return MAX_CONNECTIONS, or fewer if this process may open only a few files."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, max(soft - RESERVED_FILES, 20))


def _oldest(connections: Iterable[TimedProtocol]) -> TimedProtocol:
    """Return the oldest connection of the network that has most of them: others lose theirs last."""
    connections = list(connections)
    counts = Counter(each.network for each in connections)
    return min(connections, key=lambda each: (-counts[each.network], each.since))
