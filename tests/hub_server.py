"""A hub on loopback: repositories of files at one revision, large files behind a redirect to a second server.

It answers as huggingface.co does to the calls of the real client, and can fail in planned ways.
"""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from hub_cache import LFS_BYTES, name_of
from huggingface_hub import constants
from huggingface_hub.utils import _http

PAGE = 5
"""Entries of a page of a listing; the hub has 1,000."""


@dataclass
class Fault:
    """A planned failure of the next request for a path that ends with ``of``.

    Attributes:
        cut: bytes of the body after which the connection is closed; None for a complete answer.
        status: status code of the answer, with ``code`` in the header X-Error-Code.
        body: the body of an answer with another status, or instead of a file.
        ignores_range: whether the whole file is sent, whatever was asked for.
    """

    of: str
    cut: int | None = None
    status: int = 0
    code: str = ""
    body: bytes | None = None
    ignores_range: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Hub:
    """The repositories, what was asked for, and the planned failures."""

    def __init__(self) -> None:
        self.url = self.storage_url = ""
        self.repositories: dict[tuple[str, str], dict[str, bytes]] = {}
        self.sizes: dict[str, int] = {}
        self.token = ""
        self.asked: list[tuple[str, str, str]] = []
        self.authorized: list[tuple[str, str]] = []
        self.sent = 0
        self.faults: deque[Fault] = deque()
        self.waits_for = ""
        self.waiting, self.go_on = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def add(self, hub_id: str, revision: str, folder: Path, **more: bytes) -> None:
        """Publish the files of a folder as a revision, and further files by name."""
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self.repositories[hub_id, revision] = files | more

    def fail(self, of: str, times: int = 1, **how: object) -> None:
        """Plan a failure of the next requests for a path with this ending."""
        self.faults.extend(Fault(of, **how) for _ in range(times))  # type: ignore[arg-type]

    def fault_of(self, path: str, of_files: bool = False) -> Fault | None:
        """Return the planned failure of a request, once.

        Args:
            of_files: the failures while a file is sent, instead of those that replace an answer.
        """
        with self._lock:
            for fault in self.faults:
                is_of_file = fault.cut is not None or fault.ignores_range
                if path.endswith(fault.of) and is_of_file == of_files:
                    self.faults.remove(fault)
                    return fault
        return None

    def tree(self, files: dict[str, bytes]) -> list[dict[str, object]]:
        """Return the listing of a repository."""
        folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
        found: list[dict[str, object]] = [{"type": "directory", "path": each, "oid": "0" * 40} for each in folders]
        for name, content in files.items():
            size = self.sizes.get(name, len(content))
            entry: dict[str, object] = {"type": "file", "path": name, "size": size}
            git = hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
            if size >= LFS_BYTES:
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": size, "pointerSize": 134}
                entry["xetHash"] = "ab" * 32
            found.append(entry | {"oid": git})
        return sorted(found, key=lambda each: str(each["path"]))


class Handler(BaseHTTPRequestHandler):
    """One request; ``/lfs/`` is the second server, which must never see the token."""

    hub: Hub
    name = "hub"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)  # a proxy is asked for a whole URL
        hub = self.hub
        hub.asked.append((self.name, path, self.headers.get("Range", "")))
        if authorization := self.headers.get("Authorization"):
            hub.authorized.append((self.name, authorization))
        fault = hub.fault_of(path)
        if fault and fault.status:
            return self._answer(fault.status, fault.body or b"{}", fault.headers | {"X-Error-Code": fault.code})
        if fault and fault.body is not None:
            return self._answer(200, fault.body, {})
        if self.name == "hub" and hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._answer(401, b"{}", {"X-Error-Code": "GatedRepo"})
        if path.startswith("/api/models/"):
            return self._list(path.removeprefix("/api/models/"))
        if path.startswith("/lfs/"):
            _, _, owner, name, revision, file = path.split("/", 5)
            return self._file(hub.repositories[f"{owner}/{name}", revision][file], path)
        owner, name, _, revision, file = [*path.lstrip("/").split("/", 4), *[""] * 5][:5]
        content = hub.repositories.get((f"{owner}/{name}", revision), {}).get(file)
        if content is None:
            return self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        if len(content) >= LFS_BYTES:
            place = f"{hub.storage_url}/lfs/{owner}/{name}/{revision}/{quote(file)}"
            return self._answer(302, b"", {"Location": place, "X-Linked-Size": str(len(content))})
        return self._file(content, path)

    def do_HEAD(self) -> None:
        """Answer with the description of a file, which the client's own download asks for."""
        owner, name, _, revision, file = unquote(urlsplit(self.path).path).lstrip("/").split("/", 4)
        content = self.hub.repositories[f"{owner}/{name}", revision][file]
        self._start(200, len(content), {"ETag": f'"{name_of(content)}"', "X-Repo-Commit": revision})

    def _list(self, rest: str) -> None:
        hub_id, _, revision = rest.partition("/tree/")
        revision = revision.rstrip("/")
        if not any(known == hub_id for known, _ in self.hub.repositories):
            return self._answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        files = self.hub.repositories.get((hub_id, revision))
        if files is None:
            return self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        start = int(dict(pair.split("=") for pair in urlsplit(self.path).query.split("&")).get("cursor", 0))
        tree = self.hub.tree(files)
        more = f"{self.hub.url}/api/models/{rest}?recursive=true&cursor={start + PAGE}"
        headers = {"Link": f'<{more}>; rel="next"'} if len(tree) > start + PAGE else {}
        self._answer(200, json.dumps(tree[start : start + PAGE]).encode(), headers)

    def _file(self, content: bytes, path: str) -> None:
        fault, start = self.hub.fault_of(path, of_files=True), 0
        if (asked := self.headers.get("Range")) and not (fault and fault.ignores_range):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self._answer(416, b"", {})
        body = content[start:]
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        cut = fault.cut if fault else None
        if self.hub.waits_for and path.endswith(self.hub.waits_for):
            cut = cut if cut is not None else len(body) // 2
            self._start(206 if start else 200, len(body), headers)
            self.wfile.write(body[:cut])
            self.wfile.flush()
            self.hub.waiting.set()
            self.hub.go_on.wait(60)
            with suppress(ConnectionError):
                self.wfile.write(body[cut:])
            return
        self._start(206 if start else 200, len(body), headers)
        self.hub.sent += len(body[:cut])
        with suppress(ConnectionError):  # the client was stopped
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._start(status, len(body), headers)
        self.wfile.write(body)

    def _start(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Start both servers on free ports of loopback."""
    hub = Hub()
    servers = []
    for name in ("hub", "storage"):
        handler = type("Handler", (Handler,), {"hub": hub, "name": name})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        setattr(hub, "url" if name == "hub" else "storage_url", f"http://127.0.0.1:{server.server_address[1]}")
        servers.append(server)
    try:
        yield hub
    finally:
        hub.go_on.set()
        for server in servers:
            server.shutdown()
            server.server_close()


def use_hub(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make a URL the client's hub, as HF_ENDPOINT does in a new process, without a token and without waits."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(_http.time, "sleep", lambda _: None)
