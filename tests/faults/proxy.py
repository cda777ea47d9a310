"""A loopback proxy that simulates the failures of networks and object stores."""

import http.client
import itertools
import random
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

HANG_S = 1.0
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "expect"}
Chooser = Callable[[int], str | None]
"""Maps the number of a request, counted from 0, to its fault or None.

Requests are counted together, or those of each path alone: then the fault that a request meets does not depend on the
requests of other threads.
"""


PAGE = b"<html><body>Please sign in to the hotel wifi</body></html>"
HTML = [("Content-Type", "text/html; charset=utf-8")]
FOREIGN = {
    "html": (200, [("Content-Type", "application/xml")], PAGE),
    "html with a type": (200, HTML, PAGE),
    "broken html": (200, HTML, b"<!DOCTYPE html>\n<html><head><meta charset=utf-8><br>Sign in"),
    "nothing": (200, [], b""),
    "json": (200, [("Content-Type", "application/json")], b'{"status": "ok"}'),
    "redirect": (302, [*HTML, ("Location", "http://portal.example/login?from=x")], PAGE),
    "html 403": (403, HTML, PAGE),
    "json 404": (404, [("Content-Type", "application/json")], b'{"detail": "Not Found"}'),
    "broken html 405": (405, HTML, b"<html><hr>Not Allowed"),
    "html 511": (511, HTML, PAGE),
}
"""Answers of captive portals, proxies and web servers that are not an S3 store: status, headers, body."""
CONDITIONAL = tuple(f"condition {name}" for name in ("501", "501 without a reason", "400", "400 without a reason"))
QUIRKS = {
    *FOREIGN,
    *CONDITIONAL,
    "condition ignored",
    "no delete",
    "full",
    "exists always",
    "encryption required",
    "region",
    "clock",
    "clock 3900",
    "clock -7300",
    "clock 200000",
}


def error_body(code: str, message: str) -> bytes:
    """Return the XML of an S3 error."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()
    )


class Proxy(ThreadingHTTPServer):
    """A proxy for one server. ``choose`` selects the faults, and a test can replace it at any time."""

    daemon_threads = True

    def __init__(self, upstream: str, choose: Chooser, counts_by_path: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream.removeprefix("http://")
        self.choose = choose
        self.counts_by_path = counts_by_path
        self.numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
        self.met: list[str] = []
        self.methods: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def number_of(self, path: str) -> int:
        """Count a request; return its number."""
        return next(self.numbers[path if self.counts_by_path else ""])

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore broken connections: they are the purpose of this proxy."""


class Handler(BaseHTTPRequestHandler):
    """Handle one connection: forward each request, or apply its fault."""

    protocol_version = "HTTP/1.1"
    server: Proxy
    unforwarded: ClassVar = {
        "500": "InternalError",
        "503": "SlowDown",
        "409": "ConditionalRequestConflict",
        "403": "AccessDenied",
    }

    quirks: ClassVar = {
        "501": (501, "NotImplemented", "A header you provided implies functionality that is not implemented"),
        "501 without a reason": (501, "NotImplemented", ""),
        "400": (400, "InvalidArgument", "Unsupported header if-none-match"),
        "400 without a reason": (400, "InvalidRequest", "The request is invalid"),
        "exists always": (412, "PreconditionFailed", "At least one condition failed"),
        "full": (507, "XMinioStorageFull", "Storage backend has reached its limit"),
    }
    """Answers of odd or full stores to a put with If-None-Match."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def meet(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.choose(self.server.number_of(self.path))
        self.server.methods.append(self.command)
        if fault == "409" and self.command != "PUT":
            fault = None  # S3 returns 409 only for conditional writes
        if fault:
            self.server.met.append(fault)
        if fault in QUIRKS:
            self.answer_oddly(fault, body)
        elif fault in self.unforwarded:
            self.refuse(int(fault), self.unforwarded[fault])
        elif fault == "reset":
            self.cut()
        elif fault == "cut request":
            self.cut_request(body)
        else:
            self.answer(fault, *self.forward(body))

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = meet

    def answer_oddly(self, quirk: str, body: bytes) -> None:
        """Answer as a store with a quirk does, or as something that is not a store."""
        is_conditional = self.command == "PUT" and "If-None-Match" in self.headers
        xml = [("Content-Type", "application/xml")]
        if quirk.removeprefix("condition ") in self.quirks:
            if is_conditional:
                status, code, message = self.quirks[quirk.removeprefix("condition ")]
                return self.answer(None, status, xml, error_body(code, message))
        elif quirk == "condition ignored":
            del self.headers["If-None-Match"]
        elif quirk == "no delete" and self.command == "DELETE":
            return self.answer(None, 403, xml, error_body("AccessDenied", "Object is WORM protected"))
        elif quirk == "encryption required" and self.command == "PUT":
            return self.answer(None, 403, xml, error_body("AccessDenied", "server side encryption required"))
        elif quirk.startswith("clock "):
            date = formatdate(time.time() + float(quirk.split()[1]), usegmt=True)
            body = error_body("RequestTimeTooSkewed", "The difference between the request time and the current time")
            return self.answer(None, 403, [*xml, ("Date", date)], body)
        elif quirk == "clock":
            return self.answer(None, 403, xml, error_body("RequestTimeTooSkewed", "The difference is too large."))
        elif quirk == "region":
            body = error_body("PermanentRedirect", "Use the specified endpoint.")
            return self.answer(None, 301, [*xml, ("x-amz-bucket-region", "eu-central-1")], body)
        elif quirk in FOREIGN:
            return self.answer(None, *FOREIGN[quirk])
        self.answer(None, *self.forward(body))

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=20)
        try:
            upstream.request(self.command, self.path, body, self.forwarded_headers())
            response = upstream.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            upstream.close()

    def forwarded_headers(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}

    def answer(self, fault: str | None, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if fault == "hang":
            threading.Event().wait(HANG_S)
        if fault in ("lost answer", "hang"):
            return self.cut()
        kept = [(name, value) for name, value in headers if name.lower() not in (*HOP_BY_HOP, "content-length")]
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(body)))
        lines = [f"{name}: {value}" for name, value in [*kept, ("Content-Length", length)]]
        head = "\r\n".join([f"HTTP/1.1 {status} -", *lines, "", ""]).encode("latin-1")
        whole = head + (b"" if self.command == "HEAD" else body)
        if fault == "truncated answer":
            self.wfile.write(whole[: len(head) + len(body) // 2] if body else head[: len(head) // 2])
            return self.cut()
        self.wfile.write(whole)

    def refuse(self, status: int, code: str) -> None:
        body = b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code></Error>".encode()
        self.answer(None, status, [("Content-Type", "application/xml")], body)

    def cut_request(self, body: bytes) -> None:
        host, _, port = self.server.upstream.partition(":")
        lines = [f"{name}: {value}" for name, value in self.forwarded_headers().items()]
        head = "\r\n".join([f"{self.command} {self.path} HTTP/1.1", *lines, "", ""]).encode("latin-1")
        with socket.create_connection((host, int(port)), timeout=5) as upstream:
            upstream.sendall(head + body[: len(body) // 2])
        self.cut()

    def cut(self) -> None:
        """Reset the connection, so that unsent data is lost."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def every_second(fault: str) -> Chooser:
    """Apply the fault to every second request, beginning with the first."""
    return lambda number: fault if number % 2 == 0 else None


def some(share: float, faults: list[str], seed: int) -> Chooser:
    """Apply random faults to a share of the requests, reproducibly by the seed."""
    chance = random.Random(seed)
    return lambda _: chance.choice(faults) if chance.random() < share else None


@contextmanager
def running(upstream: str, choose: Chooser, counts_by_path: bool = False) -> Iterator[Proxy]:
    """Serve on a free loopback port until the block ends."""
    proxy = Proxy(upstream, choose, counts_by_path)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
