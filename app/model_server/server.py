"""The FastAPI app of the model server, and its HTTP server."""

import asyncio
import fcntl
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from adapters.files.durable import write_durably
from adapters.files.umask import open_without_links
from app.dashboard.capacity.connections import TimedProtocol, log_refused_connections_once, raise_file_limit
from app.model_server.errors import add_error_handlers
from app.model_server.middleware import BodyLimit, SecurityHeaders, TokenMiddleware
from app.model_server.routes import router
from app.model_server.service import ModelService
from manifests.errors import ReelmillError, SettingsError

FOLDER = "model-server"
"""Folder under the home with the jobs, files, pictures and the token."""
CREDENTIALS = "token"


def create_app(service: ModelService, token: str) -> FastAPI:
    """Return the app; the service starts and stops with it."""
    app = FastAPI(title="Reelmill model server", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.service = service
    app.include_router(router)
    add_error_handlers(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(TokenMiddleware, token=token)
    app.add_middleware(SecurityHeaders)
    return app


def server_of(app: FastAPI) -> uvicorn.Server:
    """Return the HTTP server, which disconnects clients that are too slow."""
    raise_file_limit()
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=TimedProtocol,
            log_level="warning",
            timeout_graceful_shutdown=3,
            server_header=False,
            proxy_headers=False,
        )
    )


@contextmanager
def only_server(root: Path) -> Iterator[None]:
    """Lock the folder for one server: a second one would start the jobs of the first again.

    Raises:
        ReelmillError: another server uses it.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(open_without_links(root / ".lock"), "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReelmillError(
                f"Another `reelmill serve-models` uses {root}. Stop it, or set REELMILL_HOME to another folder."
            ) from None
        yield


def load_or_create_token(root: Path) -> str:
    """Return the token in the server's folder, which is created on the first start.

    Raises:
        SettingsError: the file is empty.
    """
    path = root / CREDENTIALS
    if not path.is_file():
        write_durably(path, f"{secrets.token_urlsafe(32)}\n".encode(), mode=0o600)
    token = path.read_text(encoding="utf-8").strip()
    if not token:
        raise SettingsError(f"The token file {path} is empty. Delete it, so that a new one is created.")
    return token


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    log_refused_connections_once(asyncio.get_running_loop())
    service: ModelService = app.state.service
    service.start()
    try:
        yield
    finally:
        await asyncio.to_thread(service.stop)
