"""A receiver of webhooks on loopback with planned responses."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

PATH = "/services/T000/B000/sEcReT-of-the-hook"


class Plan(NamedTuple):
    """One response. ``hang`` sends nothing, ``drip`` sends its headers a byte at a time and never ends."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: str = "ok"
    how: str = "answer"


class WebhookServer:
    """A receiver that records requests and responds by its plans in order, then always by the last one."""

    def __init__(self, *plans: Plan) -> None:
        self.texts: list[str] = []
        self.paths: list[str] = []
        self.ended = threading.Event()
        self._plans = list(plans or [Plan()])
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self.url = ""

    def next_plan(self, path: str, body: bytes) -> Plan:
        """Record a request; return the plan of its response."""
        with self._came:
            self.paths.append(path)
            self.texts.append(json.loads(body)["text"])
            self._came.notify_all()
            return self._plans.pop(0) if len(self._plans) > 1 else self._plans[0]

    def await_texts(self, number: int, seconds: float = 20.0) -> list[str]:
        """Wait until ``number`` texts have arrived; return all that have."""
        with self._came:
            self._came.wait_for(lambda: len(self.texts) >= number, seconds)
            return list(self.texts)


class Handler(BaseHTTPRequestHandler):
    """Respond by the plans of the receiver."""

    receiver: WebhookServer

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        assert self.headers["Content-Type"] == "application/json"
        plan = self.receiver.next_plan(self.path, self.rfile.read(length))
        if plan.how == "hang":
            self.receiver.ended.wait(60)
        elif plan.how == "drip":
            self._drip()
        else:
            self._answer(plan)

    def do_GET(self) -> None:
        self.receiver.paths.append(f"GET {self.path}")
        self._answer(Plan())

    def _answer(self, plan: Plan) -> None:
        self.send_response(plan.status)
        for name, value in plan.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(plan.body)))
        self.end_headers()
        self.wfile.write(plan.body.encode())

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        try:
            while not self.receiver.ended.wait(0.05):
                self.wfile.write(b"a")
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def webhook_server(*plans: Plan) -> Iterator[WebhookServer]:
    """Run a receiver until the end of the block."""
    receiver = WebhookServer(*plans)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"receiver": receiver}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}{PATH}"
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
