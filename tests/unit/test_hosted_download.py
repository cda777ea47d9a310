"""Files of providers: hosts, redirects, sizes, broken connections, and what is left on the disk."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.hosted.download import Downloader, store_content
from adapters.hosted.errors import DownloadError, ExpiredAddressError
from adapters.hosted.result_address import ResultAddresses

CONTENT = bytes(range(256)) * 400
Answer = Callable[[BaseHTTPRequestHandler], None]


class FileServer:
    """Answers each request with the next of the planned answers."""

    def __init__(self, *answers: Answer) -> None:
        self.headers: list[dict[str, str]] = []
        plan = list(answers)
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Log nothing."""

            def do_GET(self) -> None:
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                plan.pop(0)(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def answer(status: int = 200, body: bytes = CONTENT, declared: int | None = -1, **headers: str) -> Answer:
    """Return an answer; with ``declared`` above its length, the connection breaks before its end."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if declared is not None:
            handler.send_header("Content-Length", str(len(body) if declared < 0 else declared))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


@pytest.fixture
def serve() -> Iterator[Callable[..., FileServer]]:
    servers: list[FileServer] = []

    def start(*answers: Answer) -> FileServer:
        servers.append(FileServer(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def fetch(server: FileServer, folder: Path, max_bytes: int = 1_000_000, hosts: tuple[str, ...] = (), **headers: str):
    downloader = Downloader(ResultAddresses(server.base_url, hosts), max_bytes, stall_s=2.0)
    return downloader.fetch(f"{server.base_url}/clip.mp4?sig=1", folder / "clip.mp4", headers)


def test_a_file_is_stored_with_its_hash(serve, tmp_path):
    fetched = fetch(serve(answer()), tmp_path)
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.sha256, fetched.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_broken_download_continues_where_it_stopped(serve, tmp_path):
    half, rest = CONTENT[:50_000], CONTENT[50_000:]
    place = f"bytes 50000-{len(CONTENT) - 1}/{len(CONTENT)}"
    server = serve(answer(body=half, declared=len(CONTENT), ETag='"1"'), answer(206, rest, Content_Range=place))
    assert fetch(server, tmp_path).sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert server.headers[1]["range"] == "bytes=50000-"
    assert server.headers[1]["if-range"] == '"1"'


@pytest.mark.parametrize("tag", [{}, {"ETag": 'W/"1"'}])
def test_without_a_tag_a_broken_download_begins_again(serve, tmp_path, tag):
    server = serve(answer(body=CONTENT[:100], declared=len(CONTENT), **tag), answer())
    assert fetch(server, tmp_path).size == len(CONTENT)
    assert "range" not in server.headers[1]


def test_the_rest_of_another_file_is_refused(serve, tmp_path):
    server = serve(
        answer(body=CONTENT[:100], declared=len(CONTENT), ETag='"1"'),
        answer(206, b"xx", Content_Range="bytes 100-101/102"),
        answer(),
    )
    assert fetch(server, tmp_path).sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_download_that_keeps_breaking_is_transient(serve, tmp_path):
    server = serve(*[answer(body=b"x", declared=10)] * 3)
    with pytest.raises(DownloadError) as caught:
        fetch(server, tmp_path)
    assert caught.value.is_transient
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_is_not_valid_any_longer(serve, tmp_path, status):
    with pytest.raises(ExpiredAddressError):
        fetch(serve(answer(status)), tmp_path)


@pytest.mark.parametrize("declared", [-1, None])
def test_a_file_above_the_limit_is_refused(serve, tmp_path, declared):
    with pytest.raises(DownloadError, match="larger than 0 MB") as caught:
        fetch(serve(answer(declared=declared)), tmp_path, max_bytes=1000)
    assert not caught.value.is_transient
    assert list(tmp_path.iterdir()) == []


def test_a_compressed_body_is_refused(serve, tmp_path):
    with pytest.raises(DownloadError, match="compressed"):
        fetch(serve(answer(Content_Encoding="gzip")), tmp_path)


def test_an_empty_file_is_refused(serve, tmp_path):
    with pytest.raises(DownloadError, match="empty"):
        fetch(serve(answer(body=b"")), tmp_path)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/x.mp4",
        "https://evil.example.org/x.mp4",
        "file:///etc/passwd",
        "https://cdn.example.com.evil.org/x.mp4",
    ],
)
def test_a_redirect_to_another_place_is_refused(serve, tmp_path, location):
    server = serve(answer(302, b"", Location=location))
    with pytest.raises(DownloadError):
        fetch(server, tmp_path, hosts=("*.example.com",))
    assert len(server.headers) == 1


def test_a_listed_host_with_a_private_address_is_refused(serve, tmp_path):
    server = serve(answer(302, b"", Location="https://cdn.example.com/x.mp4"))
    addresses = ResultAddresses(server.base_url, ("cdn.example.com",))
    downloader = Downloader(
        addresses, 1000, resolver=lambda host, port: ["127.0.0.1" if host[0] == "1" else "10.1.2.3"]
    )
    with pytest.raises(DownloadError, match="private address"):
        downloader.fetch(f"{server.base_url}/x", tmp_path / "clip.mp4")


def test_redirects_end(serve, tmp_path):
    server = serve(*[answer(302, b"", Location="/again")] * 10)
    with pytest.raises(DownloadError, match="too many redirects"):
        fetch(server, tmp_path)


def test_the_key_is_not_sent_to_another_host(serve, tmp_path):
    addresses = ResultAddresses("https://api.example.com", ("*.cdn.example.com",))
    assert addresses.checked("https://a.cdn.example.com/x#part").fragment == ""
    for refused in ("https://cdn.example.com/x", "https://user:pw@a.cdn.example.com/x", "http://a.cdn.example.com/x"):
        with pytest.raises(DownloadError):
            addresses.checked(refused)
    server = serve(answer())
    fetch(server, tmp_path, Authorization="Bearer secret")
    assert server.headers[0]["authorization"] == "Bearer secret"


def test_the_servers_own_host_may_be_private_and_no_other_port_of_it():
    addresses = ResultAddresses("http://192.168.1.5:8000", ())
    own = addresses.checked("http://192.168.1.5:8000/v1/videos/x/content")
    assert addresses.may_connect(own, "192.168.1.5")
    with pytest.raises(DownloadError, match="does not use https"):
        addresses.checked("http://192.168.1.5:22/x")


def test_content_in_the_answer_is_stored(tmp_path):
    assert store_content(CONTENT, tmp_path / "clip.mp4", 1_000_000).path.read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="larger"):
        store_content(CONTENT, tmp_path / "other.mp4", 10)
