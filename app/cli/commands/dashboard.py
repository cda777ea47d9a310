"""`reelmill review`: start the dashboard on this machine."""

import getpass
import itertools
import socket
from contextlib import suppress
from typing import Annotated

import typer

from adapters.catalogue.accounts.accounts import name_from
from adapters.listener import inherited, listen, port_of
from app.cli.output import say
from app.cli.sign_in_page import SignInPage
from app.session import Session
from manifests.errors import ReelmillError

PORT = 8765
PORTS = 20


def review(
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=1, max=65535, help="Port; default: 8765 or the next free one."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the dashboard in the browser.")] = True,
    socket_fd: Annotated[int | None, typer.Option("--fd", hidden=True, help="Inherited listening socket.")] = None,
) -> None:
    """Open the dashboard to review clips in the browser.

    Press Ctrl-C to stop it.
    """
    # With FastAPI, the import takes half a second, which other commands do not need.
    from app.dashboard.server import create_app, server_of

    session = Session.open()
    listener = _listen(port) if socket_fd is None else inherited(socket_fd)
    app = create_app(session)
    here, opened = f"http://127.0.0.1:{port_of(listener)}", SignInPage(session.settings.home, port_of(listener))
    address = session.settings.review_url.rstrip("/") or here
    link = f"{address}/signin/once?secret={app.state.deps.links.create(_own_account(session), opened.delete)}"
    say(f"Review dashboard: {link}")
    if address != here:
        say(f"Listening on {here}, behind your proxy.")
    say("The link works once and expires after five minutes. Press Ctrl-C to stop the dashboard.")
    try:
        if browser:
            opened.open(link)
        server_of(app).run(sockets=[listener])
    finally:
        opened.delete()


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
        with suppress(OSError):
            return listen(number)
    if port:
        raise ReelmillError(
            f"Port {port} is in use, or you may not use it. Choose another port with --port, or omit the option."
        )
    raise ReelmillError(f"The ports {PORT} to {PORT + PORTS - 1} are all in use. Choose a free port with --port.")
