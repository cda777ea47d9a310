"""Connections with time limits: clients that send or read too slowly are disconnected, and idle ones make room.

uvicorn limits only the time between two requests. Without these limits, one client could open connections until the
process has no file descriptors left, and then nobody could sign in.
"""

import asyncio
import resource
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 15.0
"""Time for the headers of a request, from the start of the connection or from their first byte."""
BODY_S = 30.0
MIN_RATE = 2000
"""A body may take BODY_S, and one second more for each MIN_RATE bytes that have arrived."""
STALL_S = 60.0
"""Time in which a client must read what is in the buffer: at most one block of a download."""
MAX_IDLE = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
"""Connections without a complete request. For another one, the oldest of them is closed."""


class TimedProtocol(H11Protocol):
    """HTTP/1.1 with time limits for headers, bodies and responses."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._idle_since = time.monotonic()
        self._body_since: float | None = None
        self._received = 0

    @property
    def is_idle(self) -> bool:
        """True while a request is awaited or incomplete, so that there is nothing to do."""
        is_awaited = self._reading is not None or (self.cycle is not None and self.cycle.response_complete)
        return is_awaited and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit of the headers, and close the oldest idle connection if there are too many."""
        super().connection_made(transport)
        self._limit_reading(HEADERS_S)
        idle = [each for each in self.connections if isinstance(each, TimedProtocol) and each.is_idle]
        if len(idle) > MAX_IDLE:
            min(idle, key=lambda each: each._idle_since).transport.abort()

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
            self._writing = self.loop.call_later(STALL_S, self.transport.abort)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing.cancel()
        self._writing = None
