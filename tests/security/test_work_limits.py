"""Long requests of one person, or many sign-ins, do not stop the requests of others."""

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi.routing import APIRoute
from served_dashboard import PASSWORD, Served, served_dashboard

from adapters.catalogue import Filter
from adapters.catalogue.core import engine
from app.api import routes as api
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import LIMITS, Work
from app.dashboard.capacity.work_limit import Limits, ServerBusyError, TooManyRequestsError, WorkLimit
from app.dashboard.middleware.security_middleware import LOOKUPS
from app.dashboard.routes import calibration, campaigns, clip, signin, upload
from app.dashboard.server import ROUTERS
from manifests.states import State

ANYIO_THREADS = 40


@pytest.fixture
def dashboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    with served_dashboard(tmp_path / "home", trusted_proxies=("127.0.0.1",)) as served:
        yield served


@contextmanager
def blocked(monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> Iterator[threading.Semaphore]:
    """Let a function wait until the end of the context; the semaphore counts its calls."""
    ended, calls = threading.Event(), threading.Semaphore(0)
    function = getattr(target, name)

    def waiting(*args: Any, **options: Any) -> Any:
        calls.release()
        assert ended.wait(60)
        return function(*args, **options)

    monkeypatch.setattr(target, name, waiting)
    try:
        yield calls
    finally:
        ended.set()


def send(stack: ExitStack, dashboard: Served, head: str, body: str = "") -> socket.socket:
    """Send a request without waiting for its response."""
    client = stack.enter_context(dashboard.connect())
    lines = [head, f"Host: 127.0.0.1:{dashboard.port}", f"Origin: {dashboard.base}", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/x-www-form-urlencoded"] if body else []
    client.sendall(("\r\n".join(lines) + f"\r\n\r\n{body}").encode())
    return client


def short_requests_work(dashboard: Served) -> None:
    """Sign in, open a page and decide as another person."""
    with httpx.Client(base_url=dashboard.base, headers={"Origin": dashboard.base}, timeout=20) as client:
        assert client.post("/signin", data={"name": "reviewer", "password": PASSWORD}).status_code == 303
        assert client.get("/gallery").status_code == 200
        row = next(
            each for each in dashboard.session.catalogue.gallery.page(Filter()).rows if each.state == State.PASSED
        )
        form = {"outcome": "rejected", "seen": f"{row.variant_id}:{row.seen}"}
        assert "1 clip rejected" in client.post("/decide", data=form, headers={"HX-Request": "true"}).text


LONG = {
    "results": (campaigns, "files_of", "/campaigns/{campaign}/files/results"),
    "counts": ("gallery", "count", "/gallery/count"),
    "calibration": (calibration, "labels_of", "/calibration"),
    "audit": ("audit", "verify", "/audit?verify=1"),
    "credential": (clip, "credential_of", "/clips/{clip}/credential"),
    "api credential": (api, "credential_of", "/api/clips/{clip}/credential"),
    "metrics": ("metrics", "snapshot", "/metrics"),
    "sheet": (upload, "read_sheet", "/upload/{upload}"),
    "template": (upload, "write_template", "/upload/template.xlsx"),
    "pages": ("saved_views", "all", "/gallery"),
}


@pytest.mark.parametrize("kind", LONG)
def test_many_long_requests_of_one_account_do_not_stop_others(dashboard: Served, monkeypatch, kind: str):
    target, name, path = LONG[kind]
    catalogue = dashboard.session.catalogue
    place = {
        "campaign": catalogue.campaigns.all()[0].campaign_id,
        "clip": catalogue.gallery.page(Filter()).rows[0].variant_id,
        "upload": upload._store(dashboard.app.state.deps).add_upload("a.csv", b"prompt\na red ball\n", {}),
    }
    owner = getattr(catalogue, target) if isinstance(target, str) else target
    head = f"GET {path.format(**place)} HTTP/1.1\r\nCookie: {dashboard.cookie('admin')}"
    with ExitStack() as stack, blocked(monkeypatch, owner, name) as calls:
        for _ in range(ANYIO_THREADS):
            send(stack, dashboard, head)
        assert calls.acquire(timeout=20)
        if kind == "pages":
            monkeypatch.undo()  # the other person opens the same page
            monkeypatch.setenv("REELMILL_HOME", str(dashboard.session.settings.home))
        short_requests_work(dashboard)


def test_many_sign_ins_do_not_stop_others(dashboard: Served, monkeypatch):
    """Each from another address and to another account, so that the rate limits do not apply."""
    cookie = {"Cookie": dashboard.cookie("viewer")}
    with ExitStack() as stack, blocked(monkeypatch, signin, "verify_password") as calls:
        for number in range(ANYIO_THREADS):
            head = f"POST /signin HTTP/1.1\r\nX-Forwarded-For: 10.0.0.{number}"
            send(stack, dashboard, head, f"name=person{number}&password=wrong")
        assert calls.acquire(timeout=20)
        assert httpx.get(f"{dashboard.base}/gallery", headers=cookie, timeout=20).status_code == 200
        assert len(list(iter(lambda: calls.acquire(timeout=0.2), False))) + 1 <= LIMITS[Work.PASSWORDS].threads


def test_too_many_requests_of_a_person_are_refused_with_the_time_to_wait(dashboard: Served, monkeypatch):
    most, path = (
        LIMITS[Work.REPORTS].waiting,
        f"/campaigns/{dashboard.session.catalogue.campaigns.all()[0].campaign_id}",
    )
    head = f"GET {path}/files/results HTTP/1.1\r\nCookie: {dashboard.cookie('viewer')}"
    with ExitStack() as stack, blocked(monkeypatch, campaigns, "files_of"):
        clients = [send(stack, dashboard, head) for _ in range(most + 1)]
        [refused], _, _ = select.select(clients, [], [], 20)
        answer = refused.recv(4000)
    assert answer.startswith(b"HTTP/1.1 429")
    assert b"retry-after: 10" in answer


def test_no_route_runs_in_the_threads_that_all_routes_share():
    routes = [route for router in ROUTERS for route in router.routes]
    assert len(routes) > 45
    assert all(isinstance(route, APIRoute) and isinstance(route, LimitedRoute) for route in routes)
    assert all(asyncio.iscoroutinefunction(route.endpoint) for route in routes)


def test_every_kind_of_work_leaves_a_thread_to_others():
    assert LIMITS.keys() == set(Work)
    for limits in LIMITS.values():
        assert limits.per_person < limits.threads
        assert limits.per_person <= limits.waiting < limits.waiting_in_total


def test_the_threads_of_all_kinds_have_a_database_connection_each():
    """Otherwise requests would wait for a connection, and fail after 30 seconds."""
    background = 3  # deliveries, alerts, and one in reserve
    connections = engine._POOL["pool_size"] + engine._POOL["max_overflow"]
    assert sum(limits.threads for limits in LIMITS.values()) + LOOKUPS + background <= connections


async def _flood(limit: WorkLimit, person: str, ended: threading.Event, number: int) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(limit.run(person, lambda: ended.wait(30))) for _ in range(number)]
    await asyncio.sleep(0)
    return tasks


def test_one_person_waits_for_their_own_requests_only():
    async def scenario() -> None:
        limit, ended = WorkLimit(Limits(threads=2, per_person=1, waiting=10)), threading.Event()
        tasks = await _flood(limit, "a", ended, 10)
        with pytest.raises(TooManyRequestsError):
            await limit.run("a", bool)
        assert await asyncio.wait_for(limit.run("b", lambda: "done"), 20) == "done"
        assert to_thread.current_default_thread_limiter().borrowed_tokens == 0
        ended.set()
        assert await asyncio.gather(*tasks) == [True] * 10
        assert (limit._people, limit._total) == ({}, 0)

    asyncio.run(scenario())


def test_all_people_together_have_a_limit_too():
    async def scenario() -> None:
        limit, ended = WorkLimit(Limits(threads=2, per_person=1, waiting=5, waiting_in_total=4)), threading.Event()
        tasks = [task for person in "abcd" for task in await _flood(limit, person, ended, 1)]
        with pytest.raises(ServerBusyError):
            await limit.run("e", bool)
        ended.set()
        await asyncio.gather(*tasks)
        assert await limit.run("e", lambda: 5) == 5

    asyncio.run(scenario())


def test_a_failed_or_cancelled_request_frees_its_place():
    async def scenario() -> None:
        limit, ended = WorkLimit(Limits(threads=2, per_person=1, waiting=3)), threading.Event()
        with pytest.raises(ZeroDivisionError):
            await limit.run("a", lambda: 1 / 0)
        tasks = await _flood(limit, "a", ended, 3)
        tasks[-1].cancel()
        ended.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (limit._people, limit._total) == ({}, 0)

    asyncio.run(scenario())
