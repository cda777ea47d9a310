"""A local certificate authority, so that a machine without a certificate can sign.

Clips signed with it are Trusted only by verifiers that have its root among their anchors. A wrong clock must not change
the root, so docs/decisions/0057 explains which certificates are replaced, and when.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.c2pa.certificate_profile import CLAIM_SIGNING
from adapters.c2pa.certificates import Chain, is_issued_by, read_certificates, read_key, to_pem
from adapters.files.durable import write_durably
from manifests.errors import DiskFullError, SignerUnavailableError
from manifests.system_errors import DISK_FULL, full_disk_text

ORGANIZATION = "Reelmill development (not for production)"
ROOT_DAYS = 3650
LEAF_DAYS = 365
RENEW_BEFORE = timedelta(days=30)
BACKDATED = timedelta(minutes=5)
"""The clock of another machine that verifies a clip may be behind."""


Issued = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]
"""A certificate with its private key."""


def development_chain(folder: Path, now: datetime | None = None) -> tuple[Chain, ec.EllipticCurvePrivateKey]:
    """Return the chain and the key; create them if they are missing, invalid or about to expire.

    The root is replaced if it is missing or invalid, or in its last year, because it would expire before a new leaf.
    The leaf is replaced in its last 30 days, and after them. A certificate that is not valid yet is kept, as is an
    expired root: the clock is probably wrong. `replace_implausible` replaces these. Only the owner can read the files.

    Args:
        now: the time; None for the clock of this machine.

    Raises:
        SignerUnavailableError: the folder is not writable.
    """
    now = now or datetime.now(UTC)
    with _storing(folder):
        root, root_key = _root(folder, now)
        leaf, key = _leaf(folder, root, root_key, now)
        former = _former(folder)
    return Chain((leaf,), (root, *former)), key


def replace_implausible(folder: Path, now: datetime | None = None) -> bool:
    """Replace certificates that are not valid yet, and an expired root; return whether there were any.

    Only call this if a person has confirmed the clock. Clips signed under a replaced root stay trusted.

    Raises:
        SignerUnavailableError: the folder is not writable.
    """
    now = now or datetime.now(UTC)
    with _storing(folder):
        root, leaf = (_load(folder / f"{name}.pem", folder / f"{name}.key") for name in ("root", "leaf"))
        old_root = root is not None and not _is_valid(root[0], now)
        old_leaf = leaf is not None and leaf[0].not_valid_before_utc > now
        if old_root:
            _retire(folder)
            (folder / "root.pem").unlink()
        if old_leaf:
            (folder / "leaf.pem").unlink()
    development_chain(folder, now)
    return old_root or old_leaf


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    """Create and lock the folder, and translate its errors."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder):
            yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFullError(full_disk_text(folder)) from error
        raise SignerUnavailableError(
            f"Cannot store the development CA in {folder}: {error.strerror}. "
            "Make the folder writable, or configure another signer."
        ) from error


def _root(folder: Path, now: datetime) -> Issued:
    stored = _load(folder / "root.pem", folder / "root.key")
    if stored and not (_is_valid(stored[0], now) and _is_ending(stored[0], now, timedelta(days=LEAF_DAYS))):
        return stored
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Reelmill development root")
    root = (
        _builder(name, name, key, key, now - BACKDATED, now + timedelta(days=ROOT_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certifies=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _retire(folder)
    _save(folder / "root.pem", folder / "root.key", root, key)
    return root, key


def _leaf(folder: Path, root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, now: datetime) -> Issued:
    stored = _load(folder / "leaf.pem", folder / "leaf.key")
    if stored and is_issued_by(stored[0], root):
        begins_later = stored[0].not_valid_before_utc > now
        if begins_later or not _is_valid(root, now) or not _is_ending(stored[0], now, RENEW_BEFORE):
            return stored
    # The leaf begins with its root: clips that are signed while the clock is ahead are valid once it is right again.
    start = root.not_valid_before_utc
    end = max(now, start) + timedelta(days=LEAF_DAYS)
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING]
    leaf = (
        _builder(_name("Reelmill development signer"), root.subject, key, root_key, start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certifies=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    _save(folder / "leaf.pem", folder / "leaf.key", leaf, key)
    return leaf, key


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(certificate_path: Path, key_path: Path) -> Issued | None:
    """Return a stored certificate and its key; None if they are missing or incomplete."""
    try:
        certificate, key = read_certificates(certificate_path)[0], read_key(key_path)
    except SignerUnavailableError:
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return certificate, key


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _is_ending(certificate: x509.Certificate, now: datetime, margin: timedelta) -> bool:
    return now + margin >= certificate.not_valid_after_utc


def _save(
    certificate_path: Path, key_path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    """Write the key first: a certificate without its key would look complete to other programs."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_durably(key_path, pem, mode=0o600)
    write_durably(certificate_path, to_pem([certificate]).encode(), mode=0o600)


def _former(folder: Path) -> tuple[x509.Certificate, ...]:
    """Return replaced roots; clips signed under them stay trusted."""
    path = folder / "former-roots.pem"
    return read_certificates(path) if path.exists() else ()


def _retire(folder: Path) -> None:
    try:
        old = read_certificates(folder / "root.pem")
    except SignerUnavailableError:
        return
    roots = (*_former(folder), *(root for root in old if root not in _former(folder)))
    write_durably(folder / "former-roots.pem", to_pem(roots).encode(), mode=0o600)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Prevent two processes that start together from creating two roots."""
    with open(os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
