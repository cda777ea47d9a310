"""An HTTPS server on loopback, with a certificate authority of its own."""

import datetime
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = (
    "pictures.test",
    "other.test",
    "docs.google.com",
    "sheets.googleusercontent.com",
    "accounts.google.com",
    "drive.google.com",
    "www.dropbox.com",
    "api.provider.test",
)
TIMEOUT_S = 20

Respond = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class TlsServer:
    """A running server.

    Attributes:
        pages: responses by path with the query.
        asked: number of requests by path.
        released: ends the responses that wait; set when the server stops.
    """

    port: int
    context: ssl.SSLContext
    pages: dict[str, Respond] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    released: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "pictures.test") -> str:
        return f"https://{host}:{self.port}{path}"


def body(content: bytes, media_type: str = "image/png", status: int = 200, **headers: str) -> Respond:
    """Return a response with a length."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(content)

    return respond


def redirect(location: str, status: int = 302) -> Respond:
    """Return a redirect."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Location", location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return respond


@contextmanager
def tls_server(folder: Path) -> Iterator[TlsServer]:
    """Run a server; ``context`` of the result trusts its certificate for HOSTS."""
    authority, chain = certificates(folder)
    client = ssl.create_default_context(cafile=str(authority))
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(chain)

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_S

        def do_GET(self) -> None:
            running.asked[self.path] += 1
            respond = running.pages.get(self.path, body(b"", "text/plain", 404))
            with suppress(OSError):  # the client has left
                respond(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

        def finish_request(self, request: object, client_address: object) -> None:
            request.settimeout(TIMEOUT_S)
            super().finish_request(own.wrap_socket(request, server_side=True), client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        running = TlsServer(server.server_address[1], client)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.released.set()
            server.shutdown()
            thread.join(TIMEOUT_S)


def certificates(folder: Path) -> tuple[Path, Path]:
    """Write a new authority and a certificate for HOSTS; return the authority's file, and the chain with its key."""
    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    root = (
        builder(root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    leaf = (
        builder(name, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "authority.pem").write_bytes(root.public_bytes(pem))
    (folder / "server.pem").write_bytes(leaf.public_bytes(pem) + private)
    return folder / "authority.pem", folder / "server.pem"
