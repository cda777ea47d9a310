"""`reelmill review`: the address of the dashboard and the account of its user."""

import asyncio
import getpass
import socket

import pytest
from dashboard_client import run_apart, session_in

from app.cli.commands.dashboard import PORT, PORTS, _listen, _own_account
from app.session import Session
from manifests.errors import ReelmillError


def test_responses_do_not_wait_for_the_browsers_acknowledgement():
    """Together, Nagle's algorithm and delayed acknowledgements add 40 ms to each response."""
    found = []

    async def serve_one(listener: socket.socket) -> None:
        done = asyncio.Event()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            found.append((own.getsockname()[0], own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()
            done.set()

        async with await asyncio.start_server(connected, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            await asyncio.wait_for(done.wait(), 10)
            writer.close()

    run_apart(serve_one(_listen(None)))
    assert found == [("127.0.0.1", 1)]


def test_the_next_free_port_is_used_and_an_explicit_port_in_use_is_refused():
    with _listen(None) as first, _listen(None) as second:
        taken, other = first.getsockname()[1], second.getsockname()[1]
        assert PORT <= taken < other < PORT + PORTS
        with pytest.raises(ReelmillError, match=rf"Port {taken} is in use"):
            _listen(taken)


@pytest.fixture
def session(tmp_path, monkeypatch) -> Session:
    monkeypatch.setattr(getpass, "getuser", lambda: "deploy")
    return session_in(tmp_path / "home")


def test_the_user_who_starts_the_program_is_an_admin(session: Session):
    assert [_own_account(session) for _ in range(2)] == ["deploy", "deploy"]
    assert session.catalogue.accounts.get("deploy").role == "admin"


@pytest.mark.parametrize("kind", [{"issuer": "https://id.example", "subject": "7"}, {"password_hash": "x"}])
def test_an_account_with_the_users_name_gains_no_rights(session: Session, kind: dict):
    session.catalogue.accounts.add("deploy", "viewer", "test", **kind)
    assert [_own_account(session) for _ in range(2)] == ["deploy (this machine 1)"] * 2
    assert session.catalogue.accounts.get("deploy").role == "viewer"
