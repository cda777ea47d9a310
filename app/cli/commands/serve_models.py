"""`reelmill serve-models`: offer the models of this machine to other programs."""

import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from adapters.listener import listen, port_of
from app.cli.output import say, warn
from app.session import Session
from manifests.errors import ReelmillError, SettingsError

HOST = "127.0.0.1"
PORT = 8700


def serve_models(
    card: Annotated[
        list[str] | None,
        typer.Option("--card", metavar="CARD", help="Model to offer; repeat it for more. Default: the setting model."),
    ] = None,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Address to listen on.")] = HOST,
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port; 0 for a free one.")
    ] = PORT,
    queue: Annotated[
        int, typer.Option("--queue", metavar="NUMBER", min=1, help="Maximum number of waiting clips.")
    ] = 100,
    keep_hours: Annotated[
        float, typer.Option("--keep-hours", metavar="HOURS", min=0.01, help="How long finished clips are kept.")
    ] = 24.0,
    keep_gb: Annotated[
        float,
        typer.Option("--keep-gb", metavar="GB", min=0.001, help="Maximum total size; the oldest are deleted first."),
    ] = 10.0,
) -> None:
    """Offer models of this machine over the OpenAI videos protocol.

    Clients need the server's token; the command prints where to find it. Press Ctrl-C to stop the server. It
    generates unfinished clips after the next start.
    """
    from app.model_server.offer import offered_cards
    from app.model_server.server import FOLDER, create_app, only_server, server_of
    from app.model_server.service import Limits, ModelService

    session = Session.open()
    settings = session.settings
    _check_host(host, session)
    cards = offered_cards(session.resources, tuple(dict.fromkeys(card or [settings.model])))
    root = settings.home / FOLDER
    with only_server(root):
        token, source = _token(session, root)
        limits = Limits(queue, keep_hours * 3600, keep_gb * 1e9)
        service = ModelService(session.resources, cards, root, settings.profile, limits)
        listener = _listen(host, port)
        if not _is_loopback(host):
            warn(
                "Warning: the server uses plain HTTP, so others on the network can read the token and the clips. Put a "
                "reverse proxy with TLS in front of it."
            )
        say(f"Offering {', '.join(cards)} at http://{_shown(host)}:{port_of(listener)}/v1 (documentation: /docs).")
        say(f"Token: {source}. Press Ctrl-C to stop the server.")
        server_of(create_app(service, token)).run(sockets=[listener])


def _check_host(host: str, session: Session) -> None:
    if not _is_loopback(host) and not session.settings.model_server_token:
        raise SettingsError(
            f"Cannot listen on {host} without your own token. Set REELMILL_MODEL_SERVER_TOKEN to at least 16 "
            "characters, for example the output of `openssl rand -hex 32`."
        )


def _token(session: Session, root: Path) -> tuple[str, str]:
    """Return the token, and where to find it."""
    from app.model_server.server import CREDENTIALS, load_or_create_token

    if given := session.settings.model_server_token:
        return given.get_secret_value(), "the setting model_server_token"
    return load_or_create_token(root), str(root / CREDENTIALS)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(port, host)
    except OSError as error:
        raise ReelmillError(
            f"Cannot listen on {host}, port {port}: {error.strerror or error}. Choose another address with --host or "
            "--port."
        ) from error
