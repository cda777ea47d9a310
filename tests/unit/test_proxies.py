"""Proxies of the environment: not used for this machine, used for others, and reported if no client can use them."""

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from adapters.bucket.s3 import S3Bucket
from adapters.notify.webhook import Webhook
from adapters.proxies import check_proxy, is_loopback, open_url, proxy_of, tidy, unusable_proxies
from flows.settings import prepare_proxies
from manifests.errors import BucketError, BucketUnreachableError, SettingsError

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
DEAD = "http://127.0.0.1:9"
KEYS = {"access_key": "a", "secret_key": "b"}
LOCAL = ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://minio.localhost:1", "http://0.0.0.0:1")


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """Remove the proxies of this machine, and return a function that sets variables and prepares the process."""
    for name in (*NAMES, *(name.upper() for name in NAMES)):
        monkeypatch.setenv(name, "restored after the test")
        monkeypatch.delenv(name)
    for name in NAMES[:3]:
        for moved in (f"REELMILL_UNUSABLE_{name}".upper(),):
            monkeypatch.setenv(moved, "restored after the test")
            monkeypatch.delenv(moved)

    def set_and_prepare(**values: str) -> None:
        os.environ.update(values)
        prepare_proxies()

    return set_and_prepare


@contextmanager
def server(answer: bytes = b"here", status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Serve on loopback, also as a proxy; yield its URL and the requests that it gets."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            seen.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("ETag", '"x"')
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_HEAD = reply

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", seen
        running.shutdown()


def clients(url: str) -> Iterator[bytes]:
    """Ask a URL with every kind of client that we or Prefect use."""
    with urllib.request.build_opener().open(url, timeout=5) as response:  # urlopen remembers the first environment
        yield response.read()
    with open_url(url, 5) as response:
        yield response.read()
    with httpx.Client(timeout=5) as client:
        yield client.get(url).content


SETTINGS = [
    {"HTTP_PROXY": DEAD, "http_proxy": DEAD},
    {"HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD, "NO_PROXY": "intranet.example"},
    {"http_proxy": DEAD, "no_proxy": "[::1],fd00::/8,::1/128"},
    {"HTTP_PROXY": DEAD, "NO_PROXY": "intranet.example", "no_proxy": ""},
    {"HTTP_PROXY": DEAD, "NO_PROXY": "*"},
    {"HTTP_PROXY": "127.0.0.1:9"},
    {"ALL_PROXY": DEAD},
    {"ALL_PROXY": "socks5://127.0.0.1:9"},
    {"all_proxy": "socks://127.0.0.1:9/"},
    {"http_proxy": "socks5h://127.0.0.1:9", "HTTPS_PROXY": "socks4://127.0.0.1:9"},
    {"HTTP_PROXY": "http://proxy:port"},
    {"HTTP_PROXY": "ftp://127.0.0.1:9"},
]


@pytest.mark.parametrize("environment", SETTINGS, ids=str)
def test_this_machine_is_asked_without_a_proxy(variables, environment):
    variables(**environment)
    with server() as (url, seen):
        assert set(clients(url)) == {b"here"}
        assert Webhook(f"{url}/hook").post("hello").error == ""
        assert len(seen) == 4
    for address in LOCAL:
        assert proxy_of(address) == ""
        assert get_proxy(parse_uri(address.replace("http:", "ws:"))) is None or "[" in address


@pytest.mark.parametrize("environment", SETTINGS, ids=str)
def test_clients_ask_this_machine_without_a_proxy_even_in_an_untidy_environment(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with server() as (url, seen):
        assert open_url(url, 5).read() == b"here"
        assert Webhook(url).post("hello").error == ""
        bucket = S3Bucket("clips", endpoint=url, pauses_s=(), **KEYS)
        assert bucket.read("a.mp4") == b"here"
        assert seen == ["/", "/", "/clips/a.mp4"]


def test_a_bucket_on_any_loopback_address_is_asked_without_a_proxy(variables):
    variables(HTTP_PROXY=DEAD)
    with server() as (url, _):
        bucket = S3Bucket("clips", endpoint=url.replace("127.0.0.1", "127.1.2.3"), timeout_s=1, pauses_s=(), **KEYS)
        with pytest.raises(BucketUnreachableError, match="does not respond") as error:  # nothing listens there
            bucket.check()
        assert "proxy" not in str(error.value)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_other_hosts_are_asked_through_the_proxy(variables, name):
    with server() as (url, seen):
        variables(**{name: url})
        assert set(clients("http://other.example/x")) == {b"here"}
        assert Webhook("http://hooks.example/x").post("hello").error == ""
        bucket = S3Bucket("clips", endpoint="http://store.example", pauses_s=(), **KEYS)
        assert bucket.read("a.mp4") == b"here"
        assert seen == [*["http://other.example/x"] * 3, "http://hooks.example/x", "http://store.example/clips/a.mp4"]
        assert proxy_of("http://other.example") == url


def test_hosts_in_no_proxy_are_still_asked_directly(variables):
    variables(HTTP_PROXY=DEAD, NO_PROXY="intranet.example, other.example")
    assert proxy_of("http://intranet.example/x") == proxy_of("http://a.other.example:8080") == ""
    assert proxy_of("http://example.com") == DEAD
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"]


def test_an_environment_without_proxies_is_not_changed(variables):
    before = dict(os.environ)
    variables()
    assert dict(os.environ) == before


def test_preparing_twice_changes_nothing(variables):
    variables(HTTP_PROXY=DEAD, ALL_PROXY="socks5://127.0.0.1:9", NO_PROXY="[::1],a.example")
    once = dict(os.environ)
    prepare_proxies()
    assert dict(os.environ) == once


def test_the_host_of_a_prefect_server_on_loopback_is_excluded(variables, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.1.1:4200/api")
    variables(HTTP_PROXY=DEAD)
    assert "127.0.1.1" in os.environ["NO_PROXY"].split(",")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ALL_PROXY": "socks5://me:secret@127.0.0.1:9"}, "ALL_PROXY is socks5://127.0.0.1:9, but"),
        ({"https_proxy": "socks5h://127.0.0.1:9"}, "HTTPS_PROXY is socks5h://127.0.0.1:9, but"),
        ({"HTTPS_PROXY": "http://proxy:port"}, "HTTPS_PROXY is http://proxy:port, but"),
    ],
)
def test_a_proxy_that_no_client_can_use_is_named_when_it_is_needed(variables, environment, said):
    variables(**environment)
    with pytest.raises(SettingsError) as refused:
        check_proxy("https://store.example/x")
    assert str(refused.value).startswith(said)
    assert "add store.example to NO_PROXY" in str(refused.value)
    assert "secret" not in str(refused.value) + str(unusable_proxies())
    assert Webhook("https://store.example/x").post("hello").error == str(refused.value)
    with pytest.raises(SettingsError, match="Set HTTPS_PROXY to such a proxy"):
        S3Bucket("clips", endpoint="https://store.example", pauses_s=(), **KEYS).check()
    check_proxy("http://127.0.0.1:9000")


def test_both_suggestions_work(variables):
    variables(ALL_PROXY="socks5://127.0.0.1:9", NO_PROXY="store.example")
    check_proxy("https://store.example")
    variables(ALL_PROXY="socks5://127.0.0.1:9", HTTPS_PROXY="http://proxy.example:3128", NO_PROXY="")
    check_proxy("https://other.example")


def test_an_unreachable_proxy_is_named(variables):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://me:secret@127.0.0.1:{free.getsockname()[1]}"
    variables(HTTP_PROXY=dead)
    bucket = S3Bucket("clips", endpoint="http://store.example", timeout_s=1, pauses_s=(), **KEYS)
    with pytest.raises(BucketUnreachableError, match=r"through the proxy http://127\.0\.0\.1") as refused:
        bucket.check()
    assert "add store.example to NO_PROXY" in str(refused.value)
    assert "through the proxy http://127.0.0.1" in Webhook("http://hooks.example").post("x").error
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("status", "said"), [(503, "temporarily unavailable"), (403, "is not that of an S3 store")])
def test_a_proxy_that_does_not_reach_the_store_is_named(variables, status, said):
    with server(b"<html><body>Cannot connect to the host</body></html>", status) as (url, _):
        variables(HTTP_PROXY=url)
        bucket = S3Bucket("clips", endpoint="http://minio:9000", pauses_s=(), **KEYS)
        with pytest.raises(BucketError, match=f"{said}.* through the proxy {url}") as refused:
            bucket.check()
    assert "proxy" in str(refused.value).rpartition("through the proxy")[2]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://127.8.9.1", True),
        ("http://LOCALHOST./x", True),
        ("https://minio.localhost", True),
        ("http://[::1]:80", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("http://0.0.0.0:4200/api", True),
        ("localhost:9000", True),
        ("http://localhost.example", False),
        ("http://10.0.0.1", False),
        ("https://s3.amazonaws.com", False),
        ("http://127.0.0.1.example", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_loopback_is_recognised(url, expected):
    assert is_loopback(url) == expected


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from([*NAMES, *(name.upper() for name in NAMES)]),
        st.text(st.sampled_from("socks5h://tp@[]%*,.:0 1:9x-é/"), max_size=25)
        | st.sampled_from(["socks5://p:1", "http://p:1", "p:1", "*", "[::1]", "::1", "fd00::/8", "10.0.0.0/8"]),
    )
)
def test_no_environment_breaks_httpx_or_proxies_loopback(values):
    environment = dict(values)
    tidy(environment)
    with pytest.MonkeyPatch.context() as patched:
        for name in (*NAMES, *(name.upper() for name in NAMES)):
            patched.delenv(name, raising=False)
        for name, value in environment.items():
            patched.setenv(name, value)
        with httpx.Client(verify=False) as client:
            assert client._transport_for_url(httpx.URL("http://127.0.0.1:4200/api")) is client._transport
        assert urllib.request.proxy_bypass("127.0.0.1:4200") or not urllib.request.getproxies().get("http")
