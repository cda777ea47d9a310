"""The dashboard behind a real server on loopback, with clips in every state."""

import dataclasses
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import samples
import uvicorn
from dashboard_client import PASSWORD
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.catalogue.accounts.passwords import hash_password
from app.dashboard.server import create_app
from app.session import Session
from flows.runtime.resources import resources_of
from flows.settings import Settings

STATES = ("passed", "failed", "published", "approved", "rejected", "planned", "quarantined", "withdrawn", "passed")
ROLES = ("viewer", "reviewer", "admin")


class Recorder:
    """Counts the answers of an app by status, and keeps the requests that ended with a server error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.statuses: Counter[int] = Counter()
        self.broken: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
                if message["status"] >= 500:
                    self.broken.append(f"{message['status']} {scope['method']} {scope['path']} {scope['query_string']}")
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def session_with_clips(home: Path, catalogue_url: str = "") -> Session:
    """Return a session over two campaigns with clips in every state, the first one with its files."""
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=home, catalogue_url=catalogue_url)
    session = Session(settings, resources_of(settings))
    catalogue = session.catalogue
    for number, name in enumerate(("Spring", "Autumn")):
        campaign = samples.campaign(name)
        catalogue.campaigns.add(campaign, {})
        items = samples.planned(len(STATES), start=100 * number)
        catalogue.campaigns.add_variants(campaign.campaign_id, items)
        for item, state in zip(items, STATES, strict=True):
            samples.bring_to(catalogue, item.variant_id, state)
    _with_files(session)
    hashed = hash_password(PASSWORD)
    for role in ROLES:
        catalogue.accounts.add(role, role, "test", password_hash=hashed)
    return session


def _with_files(session: Session) -> None:
    """Add a passed clip whose files are on this machine."""
    [item] = samples.planned(1, start=50)
    key = item.variant_id
    session.catalogue.campaigns.add_variants(samples.campaign().campaign_id, [item])
    folder = session.resources.staging / key[:2] / key
    folder.mkdir(parents=True)
    (folder / "master.mp4").write_bytes(b"\0\0\0\x18ftypmp42" * 100)
    (folder / "poster.jpg").write_bytes(b"\xff\xd8\xff poster")
    clip = dataclasses.replace(
        samples.clip(key), path=folder / "master.mp4", poster=folder / "poster.jpg", machine=session.resources.machine
    )
    lease = samples.take(session.catalogue, [key])[0]
    session.catalogue.results.mark_rendered(lease, clip)
    session.catalogue.results.mark_judged(lease, samples.score(key), samples.passed(key))


@contextmanager
def serving(session: Session) -> Iterator[tuple[str, Recorder]]:
    """Serve the dashboard from a thread of this process; yield its URL and its recorder."""
    recorder = Recorder(create_app(session))
    # With the protocol given, asyncio disables Nagle's algorithm, which costs 40 ms per answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    config = uvicorn.Config(recorder, log_level="critical", timeout_graceful_shutdown=2, server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", recorder
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
