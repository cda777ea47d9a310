"""A provider with a number of slots, in a separate process, in the form of the OpenAI videos protocol.

It measures itself for how long its slots work. A job works from the moment at which it is taken; while all slots work,
further jobs are refused with status 429.
"""

import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import NamedTuple


class SlotUse(NamedTuple):
    """What a provider has measured since it was asked last.

    Attributes:
        jobs: number of jobs that were taken.
        refused: submissions that were refused because no slot was free.
        busy_s: seconds of work, added over the slots.
        wall_s: from the first submission to the end of the last job.
    """

    jobs: int
    refused: int
    busy_s: float
    wall_s: float


class _State:
    def __init__(self, slots: int, job_s: float, file: bytes) -> None:
        self.slots, self.job_s, self.file = slots, job_s, file
        self.lock = threading.Lock()
        self.begun: list[float] = []
        self.refused = 0

    def take(self) -> int | None:
        """Return the number of a new job; None if no slot is free."""
        with self.lock:
            now = time.monotonic()
            if sum(now - begun < self.job_s for begun in self.begun[-2 * self.slots :]) >= self.slots:
                self.refused += 1
                return None
            self.begun.append(now)
            return len(self.begun) - 1

    def use(self) -> SlotUse:
        """Return the use so far, and forget it."""
        with self.lock:
            wall_s = self.begun[-1] + self.job_s - self.begun[0] if self.begun else 0.0
            found = SlotUse(len(self.begun), self.refused, len(self.begun) * self.job_s, wall_s)
            self.begun, self.refused = [], 0
            return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: _State

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_POST(self) -> None:
        """Take a job, if a slot is free."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        number = self.state.take()
        if number is None:
            self._send(429, json.dumps({"error": {"message": "no slot is free"}}).encode())
        else:
            self._send(200, json.dumps({"id": f"video-{number}", "object": "video", "status": "queued"}).encode())

    def do_GET(self) -> None:
        """Return the state of a job, or its file."""
        if self.path.endswith("/content"):
            return self._send(200, self.state.file, "video/mp4")
        number = int(self.path.rpartition("-")[2])
        is_done = time.monotonic() - self.state.begun[number] >= self.state.job_s
        body = {"id": f"video-{number}", "object": "video", "status": "completed" if is_done else "in_progress"}
        return self._send(200, json.dumps(body).encode())

    def _send(self, status: int, content: bytes, media_type: str = "application/json") -> None:
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        self.wfile.write(head.encode() + content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Provider:
    """A running provider."""

    def __init__(self, base_url: str, pipe: Connection) -> None:
        self.base_url = base_url
        self._pipe = pipe

    def use(self) -> SlotUse:
        """Return the use of the slots since the last call."""
        self._pipe.send("use")
        found: SlotUse = self._pipe.recv()
        return found


@contextmanager
def provider(slots: int, job_s: float, file: bytes) -> Iterator[Provider]:
    """Run a provider in another process until the end of the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, slots, job_s, file))
    process.start()
    try:
        yield Provider(ours.recv(), ours)
    finally:
        process.kill()
        process.join()


def _serve(pipe: Connection, slots: int, job_s: float, file: bytes) -> None:
    state = _State(slots, job_s, file)
    server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"state": state}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(f"http://127.0.0.1:{server.server_port}")
    while pipe.recv() == "use":
        pipe.send(state.use())
