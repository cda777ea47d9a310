"""`reelmill review`: start the dashboard on this machine."""

import getpass
import itertools
import socket
import webbrowser
from typing import Annotated

import typer

from adapters.catalogue.accounts.accounts import name_from
from app.cli.output import say
from app.session import Session
from manifests.errors import ReelmillError

PORT = 8765
PORTS = 20
BACKLOG = 1024
"""Connections that the system accepts before the program does: many people, or one client with many connections."""


def review(
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=1, max=65535, help="Port; default: 8765 or the next free one."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the dashboard in the browser.")] = True,
) -> None:
    """Open the dashboard to review clips in the browser.

    Press Ctrl-C to stop it.
    """
    # With FastAPI, the import takes half a second, which other commands do not need.
    from app.dashboard.server import create_app, server_of

    session = Session.open()
    listener = _listen(port)
    app = create_app(session)
    here = f"http://127.0.0.1:{listener.getsockname()[1]}"
    address = session.settings.review_url.rstrip("/") or here
    link = f"{address}/signin/once?secret={app.state.deps.links.create(_own_account(session))}"
    say(f"Review dashboard: {link}")
    if address != here:
        say(f"Listening on {here}, behind your proxy.")
    say("The link works once and expires after five minutes. Press Ctrl-C to stop the dashboard.")
    if browser:
        webbrowser.open(link)
    server_of(app).run(sockets=[listener])


def _own_account(session: Session) -> str:
    """Return the account of the system user: an admin without a password, who signs in by link.

    If another person's account has the name of the system user, that account is not changed.
    """
    user, catalogue = getpass.getuser(), session.catalogue
    known = {account.name: account for account in catalogue.accounts.all()}
    user = user if user in known else name_from(user)
    for name in itertools.chain([user], (f"{user} (this machine {number})" for number in itertools.count(1))):
        account = known.get(name)
        if account is None:
            catalogue.accounts.add(name, "admin", f"person:{name}")
            return name
        if account.issuer is None and account.role == "admin" and not account.disabled:
            return name
        if account.issuer is None and account.password_hash is None:
            catalogue.accounts.change(name, f"person:{name}", role="admin", disabled=False)
            return name
    raise AssertionError("unreachable: count() is endless")


def _listen(port: int | None) -> socket.socket:
    for number in [port] if port else range(PORT, PORT + PORTS):
        # asyncio disables Nagle's algorithm, which costs 40 ms per response, only if the protocol is given.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
            listener.listen(BACKLOG)
            return listener
        except OSError:
            listener.close()
    if port:
        raise ReelmillError(
            f"Port {port} is in use, or you may not use it. Choose another port with --port, or omit the option."
        )
    raise ReelmillError(f"The ports {PORT} to {PORT + PORTS - 1} are all in use. Choose a free port with --port.")
