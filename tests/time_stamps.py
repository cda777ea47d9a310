"""A timestamp authority (RFC 3161, with openssl) on loopback, which can also fail in various ways."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from credentials import key_pem, pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HASH = slice(22, 54)
"""The position of the hash in a query for SHA-256."""

CONFIGURATION = """
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/root.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


class Tsa(NamedTuple):
    """A running timestamp authority."""

    url: str
    root: Path


@contextmanager
def running(folder: Path, manner: str = "well") -> Iterator[Tsa]:
    """Serve timestamps, or fail: refuse, hang, hang up, send nonsense, or send a timestamp for something else."""
    root = _set_up(folder)
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            if manner == "hanging":
                released.wait(60)
            elif manner == "refusing":
                self.send_error(500)
            elif manner == "nonsense":
                self._answer(b"nonsense")
            elif manner == "for something else":
                self._answer(_stamp(folder, query[: HASH.start] + bytes(32) + query[HASH.stop :]))
            elif manner == "well":
                self._answer(_stamp(folder, query))

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Tsa(f"http://127.0.0.1:{server.server_port}/", root)
    finally:
        released.set()
        server.shutdown()
        server.server_close()


def _stamp(folder: Path, query: bytes) -> bytes:
    (folder / "query.tsq").write_bytes(query)
    command = ["openssl", "ts", "-reply", "-config", folder / "openssl.cnf", "-queryfile", folder / "query.tsq"]
    return subprocess.run(command, check=True, capture_output=True, timeout=20).stdout


def _set_up(folder: Path) -> Path:
    folder.mkdir()
    root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    root = _certificate("root", root_key, root_key, authority=True)
    (folder / "root.pem").write_bytes(pem(root))
    (folder / "tsa.pem").write_bytes(pem(_certificate("stamps", key, root_key, authority=False)))
    (folder / "tsa.key").write_bytes(key_pem(key))
    (folder / "serial").write_text("01\n")
    (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
    return folder / "root.pem"


def _certificate(name: str, key: rsa.RSAPrivateKey, root_key: rsa.RSAPrivateKey, authority: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(root_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Timestamps for tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
