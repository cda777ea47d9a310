"""Requests to providers: what surely was not sent, what is unclear, and how keys and tokens travel."""

import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.hosted import transport as transport_module
from adapters.hosted.errors import NotSentError, TokenError, UnclearError
from adapters.hosted.tokens import AccountKey
from adapters.hosted.transport import Timeouts, Transport
from manifests.errors import ProviderError, SettingsError
from manifests.hosted.wire import KeyRule, Part, Wire
from tasks.runtime.logs.redacted_logs import secrets_of_resources
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

KEY = "sk-very-secret-key"
SHORT = Timeouts(0.5, 0.3, 0.3, 0.5, 1.0)
NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.ProxyError,
)
UNCLEAR = (
    httpx2.ReadError,
    httpx2.WriteError,
    httpx2.RemoteProtocolError,
    httpx2.ReadTimeout,
    httpx2.WriteTimeout,
    httpx2.CloseError,
    httpx2.DecodingError,
    httpx2.TooManyRedirects,
)


class Server:
    """Answers every request with a status and a body, and keeps what it has read."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        plan, server = list(answers), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Log nothing."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.seen.append((self.command, self.path, dict(self.headers.items()), body))
                status, content = plan.pop(0) if len(plan) > 1 else plan[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*answers: tuple[int, bytes]) -> Server:
        servers.append(Server(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("status", [200, 302, 404, 429, 503])
def test_a_request_is_sent_once_whatever_the_answer(serve, status):
    server = serve((status, b'{"a": 1}'))
    with Transport(server.url, timeouts=SHORT) as transport:
        found = transport.send(Wire("POST", f"{server.url}/x", json={"p": 1}), {"Authorization": f"Bearer {KEY}"})
    assert (found.status, found.body, found.headers["location"]) == (status, b'{"a": 1}', "/elsewhere")
    assert [(each[0], each[1]) for each in server.seen] == [("POST", "/x")]
    assert server.seen[0][2]["Authorization"] == f"Bearer {KEY}"


def test_parts_are_fields_and_files(serve):
    server = serve((200, b"{}"))
    parts = (Part("prompt", b"a ball"), Part("input_reference", b"\x89PNG", "a.png", "image/png"))
    with Transport(server.url) as transport:
        transport.send(Wire("POST", f"{server.url}/x", parts=parts), {})
    body = server.seen[0][3]
    assert b'name="prompt"\r\n\r\na ball' in body
    assert b'name="input_reference"; filename="a.png"' in body


@pytest.mark.parametrize(
    ("errors", "meaning"), [(NOT_SENT, NotSentError), (UNCLEAR, UnclearError)], ids=["not sent", "unclear"]
)
def test_errors_are_told_apart(monkeypatch, errors, meaning):
    for error in errors:

        def broken(*_: object, error=error, **__: object) -> None:
            raise error(f"text with {KEY}")

        with Transport("http://127.0.0.1:9") as transport:
            monkeypatch.setattr(transport._clients[0], "send", broken)
            with pytest.raises(meaning) as caught:
                transport.send(Wire("POST", "http://127.0.0.1:9/x"), {"Authorization": KEY})
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert error.__name__ in str(caught.value)


def test_every_error_of_httpx2_has_a_meaning():
    known = {each for each in vars(httpx2).values() if isinstance(each, type) and issubclass(each, httpx2.RequestError)}
    bases = {httpx2.RequestError, httpx2.TransportError, httpx2.TimeoutException, httpx2.NetworkError}
    unused = {httpx2.ProtocolError, httpx2.SSEError}
    assert known - bases - unused == {*NOT_SENT, *UNCLEAR}
    assert set(transport_module.NOT_SENT) == set(NOT_SENT)


def test_a_closed_port_is_not_sent():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Transport(url) as transport, pytest.raises(NotSentError):
            transport.send(Wire("POST", f"{url}/x"), {})


def test_a_server_that_never_answers_is_unclear():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Transport(url, timeouts=SHORT) as transport, pytest.raises(UnclearError, match="ReadTimeout"):
            transport.send(Wire("POST", f"{url}/x"), {})


def test_a_large_answer_is_not_read_to_its_end(serve):
    server = serve((200, b"x" * 100_000))
    with Transport(server.url) as transport, pytest.raises(UnclearError, match="more than"):
        transport.send(Wire("GET", f"{server.url}/x"), {}, max_body=1000)


def test_keys_are_only_sent_with_tls_or_to_this_machine():
    with pytest.raises(SettingsError, match="plain_http"):
        Transport("http://gpu.example.com:8000")
    Transport("http://gpu.example.com:8000", plain_http=True).close()
    with Transport("https://api.example.com") as transport, pytest.raises(SettingsError, match="not encrypted"):
        transport.send(Wire("GET", "http://api.example.com/x"), {})


def test_a_key_that_cannot_be_sent_is_not_shown(serve):
    server = serve((200, b"{}"))
    key = AccountKey(KeyRule(), "schlüssel-ж\n", {})
    with Transport(server.url) as transport, pytest.raises(ProviderError) as caught:
        transport.send(Wire("POST", f"{server.url}/x"), key.headers())
    assert "schl" not in "".join(traceback.format_exception(caught.value))
    assert server.seen == []


def test_adobe_tokens_are_kept_and_replaced_when_they_are_refused(serve):
    server = serve((200, b'{"access_token": "t1", "expires_in": 86399}'), (200, b'{"access_token": "t2"}'))
    fields = {"client_id": "me", "token_url": server.url + "/ims"}
    key = AccountKey(KeyRule(token="adobe", also={"x-api-key": "{client_id}"}), KEY, fields)
    assert key.headers() == key.headers() == {"Authorization": "Bearer t1", "x-api-key": "me"}
    form = parse_qs(server.seen[0][3].decode())
    assert (form["grant_type"], form["client_secret"]) == (["client_credentials"], [KEY])
    assert key.forget_token()
    assert not key.forget_token()
    assert key.headers()["Authorization"] == "Bearer t2"
    assert len(server.seen) == 2


@pytest.mark.parametrize(("status", "is_refused"), [(400, True), (401, True), (503, False), (200, False)])
def test_a_token_that_cannot_be_obtained(serve, status, is_refused):
    server = serve((status, b'{"error": "' + KEY.encode() + b'"}'))
    key = AccountKey(KeyRule(token="adobe"), KEY, {"token_url": server.url})
    with pytest.raises(TokenError) as caught:
        key.headers()
    assert caught.value.is_refused is is_refused
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_google_tokens_come_from_a_signed_assertion(serve):
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    server = serve((200, b'{"access_token": "g1", "expires_in": 3599}'))
    account = json.dumps({"client_email": "me@project.iam", "private_key": pem, "token_uri": "https://evil.example"})
    key = AccountKey(KeyRule(token="google"), account, {"token_url": server.url})
    assert key.headers() == {"Authorization": "Bearer g1"}
    assertion = parse_qs(server.seen[0][3].decode())["assertion"][0]
    assert assertion.count(".") == 2
    with pytest.raises(TokenError, match="not a Google address"):
        AccountKey(KeyRule(token="google"), account, {}).headers()
    with pytest.raises(TokenError, match="service account"):
        AccountKey(KeyRule(token="google"), KEY, {}).headers()


def test_keys_are_in_no_repr_and_are_redacted(tmp_path):
    body = json.dumps({"private_key": "PRIVATE", "client_email": "me"})
    accounts = (ProviderAccount("runway", KEY), ProviderAccount("google", body))
    resources = Resources("", BucketConfig("b"), SignerConfig("none", tmp_path), tmp_path, providers=accounts)
    assert KEY not in repr(resources) + repr(accounts) + repr(AccountKey(KeyRule(), KEY, {}))
    assert {KEY, body, "PRIVATE"} <= set(secrets_of_resources(resources))
