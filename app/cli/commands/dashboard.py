"""`reelmill review`: the dashboard, on this machine."""

import getpass
import itertools
import socket
import webbrowser
from typing import Annotated

import typer

from app.cli.output import say
from app.session import Session
from manifests.errors import ReelmillError

PORT = 8765
PORTS = 20


def review(
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Else 8765, or the next free.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Open the review dashboard over the catalogue that runs have filled; Ctrl-C ends it."""
    import uvicorn  # with FastAPI half a second, which no other command needs

    from app.dashboard.server import create_app

    session = Session.open()
    listener = _listen(port)
    app = create_app(session)
    here = f"http://127.0.0.1:{listener.getsockname()[1]}"
    address = session.settings.review_url.rstrip("/") or here
    link = f"{address}/signin/once?secret={app.state.deps.links.make(_own_account(session))}"
    say(f"Review dashboard: {link}")
    if address != here:
        say(f"It listens on {here}, behind your proxy.")
    say("The link signs you in once, within five minutes. Ctrl-C ends the dashboard.")
    if browser:
        webbrowser.open(link)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def _own_account(session: Session) -> str:
    """Return the account of whoever started the program: an admin without a password, who comes by link alone.

    Somebody else's account that happens to have the name of the system user is left as it is.
    """
    user, catalogue = getpass.getuser(), session.catalogue
    known = {account.name: account for account in catalogue.accounts.all()}
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
    raise AssertionError("names do not end")


def _listen(port: int | None) -> socket.socket:
    for number in [port] if port else range(PORT, PORT + PORTS):
        # asyncio turns off Nagle's algorithm, which costs 40 ms an answer, only where the protocol is named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
            listener.listen(128)
            return listener
        except OSError:
            listener.close()
    if port:
        raise ReelmillError(f"Port {port} is taken or not yours to use; name another by --port, or none.")
    raise ReelmillError(f"The ports {PORT} to {PORT + PORTS - 1} are all taken; name a free one by --port.")
