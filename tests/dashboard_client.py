"""The dashboard in this process, over a small catalogue, for what needs no browser."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import samples
from starlette.testclient import TestClient

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
    chosen = Settings(home=home, **settings)  # type: ignore[arg-type]
    session = Session(chosen, resources_of(chosen))
    ids = samples.filled(session.catalogue, 3)
    for key, state in zip(ids, ("passed", "failed", "published"), strict=True):
        samples.bring_to(session.catalogue, key, state)
    for role in ("viewer", "reviewer", "admin"):
        session.catalogue.accounts.add(role, role, "test", password_hash=hash_password(PASSWORD))
    return session


def client_of(session: Session, role: str | None = None) -> TestClient:
    """Return a client; signed in under the account that is called like its role, where one is named."""
    url = session.settings.review_url
    client = TestClient(create_app(session), base_url=url or BASE, follow_redirects=False)
    if role:
        answer = client.post(
            "/signin", data={"name": role, "password": PASSWORD}, headers=SAME_SITE | ({"Origin": url} if url else {})
        )
        assert answer.status_code == 303, answer.text
    return client


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own: Playwright leaves a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
