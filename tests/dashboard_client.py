"""The dashboard in this process with a small catalogue, for tests that need no browser."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import samples
from starlette.testclient import TestClient

from adapters.catalogue import open_catalogue
from adapters.catalogue.accounts.passwords import hash_password
from app.dashboard.server import create_app
from app.session import Session
from flows.runtime.resources import resources_of
from flows.settings import Settings

T = TypeVar("T")
BASE = "http://127.0.0.1:8765"
PASSWORD = "correct horse"
SAME_SITE = {"Origin": BASE, "Sec-Fetch-Site": "same-origin"}


def session_in(home: Path, **settings: object) -> Session:
    """Return a session over a new catalogue with one campaign: a passed, a failed and a published clip."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "catalogue.sqlite").exists():
        shutil.copyfile(_filled_catalogue(), home / "catalogue.sqlite")
    chosen = Settings(home=home, **settings)  # type: ignore[arg-type]
    return Session(chosen, resources_of(chosen))


@cache
def _filled_catalogue() -> Path:
    """Fill a catalogue once per process; copying it is faster than migrations and password hashes."""
    folder = Path(tempfile.mkdtemp(prefix="filled-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "catalogue.sqlite"
    with open_catalogue(f"sqlite:///{path}") as catalogue:
        ids = samples.filled(catalogue, 3)
        for key, state in zip(ids, ("passed", "failed", "published"), strict=True):
            samples.bring_to(catalogue, key, state)
        for role in ("viewer", "reviewer", "admin"):
            catalogue.accounts.add(role, role, "test", password_hash=hash_password(PASSWORD))
    return path


def client_of(session: Session, role: str | None = None) -> TestClient:
    """Return a client. If a role is given, it is signed in with the account of the same name."""
    url = session.settings.review_url
    client = TestClient(create_app(session), base_url=url or BASE, follow_redirects=False)
    if role:
        answer = client.post(
            "/signin", data={"name": role, "password": PASSWORD}, headers=SAME_SITE | ({"Origin": url} if url else {})
        )
        assert answer.status_code == 303, answer.text
    return client


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a separate thread, because Playwright leaves a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
