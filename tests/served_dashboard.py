"""The dashboard in this process behind a real HTTP server on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard_client import PASSWORD, session_in
from fastapi import FastAPI

from app.cli.commands.dashboard import _listen
from app.dashboard.server import create_app, server_of
from app.session import Session


class Served:
    """A running dashboard."""

    def __init__(self, app: FastAPI, session: Session, port: int) -> None:
        self.app = app
        self.session = session
        self.port = port
        self.base = f"http://127.0.0.1:{port}"

    def connect(self) -> socket.socket:
        """Return a connection, with a small buffer so that the server notices a client that does not read."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.port))
        return client

    def cookie(self, name: str) -> str:
        """Sign a person in without a request, and return the Cookie header."""
        return f"reelmill-{self.port}={self.session.catalogue.sessions.start(name, 600.0)}"


@contextmanager
def served_dashboard(home: Path, **settings: object) -> Iterator[Served]:
    """Run the dashboard until the end of the context. Accounts as in ``dashboard_client``, with PASSWORD."""
    session = session_in(home, **settings)
    listener, app = _listen(None), create_app(session)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield Served(app, session, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)


__all__ = ["PASSWORD", "Served", "served_dashboard"]
