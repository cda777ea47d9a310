"""Read and check certificate chains and private keys in PEM before they are used.

The signing library only reports "the certificate is invalid"; these checks report the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from adapters.c2pa.certificate_profile import check_leaf, check_period, is_authority, is_self_signed
from adapters.c2pa.key_types import DIGESTS, KEY_TYPES, PrivateKey, algorithm_of
from manifests.errors import SignerUnavailableError
from manifests.pluralize import count_of

SignBytes = Callable[[bytes], bytes]
"""Signs a byte string; ECDSA signatures are r and s concatenated, as COSE requires."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A certificate chain that ends at a trust anchor.

    Attributes:
        certificates: the leaf, then its issuers in order, without the root, as C2PA requires.
        anchors: the roots (or intermediates) that make the leaf trusted.
    """

    certificates: tuple[x509.Certificate, ...]
    anchors: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        """The signing certificate."""
        return self.certificates[0]

    @property
    def algorithm(self) -> str:
        """COSE name of the signing algorithm for the leaf's key."""
        return algorithm_of(self.leaf.public_key())


def read_chain(path: Path, anchors: Path | None = None) -> Chain:
    """Read a chain in PEM, leaf first.

    Args:
        anchors: PEM file of trusted roots; without it, the chain must end in its self-signed root.

    Raises:
        SignerUnavailableError: missing or unreadable file, expired or invalid leaf, or incomplete chain.
    """
    certificates = read_certificates(path)
    _check_order(certificates, path)
    own_root = certificates[-1:] if len(certificates) > 1 and is_self_signed(certificates[-1]) else ()
    chain = Chain(
        certificates[: len(certificates) - len(own_root)], read_certificates(anchors) if anchors else own_root
    )
    check_leaf(chain.leaf, path)
    _check_links(chain, path)
    return chain


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM file.

    Raises:
        SignerUnavailableError: missing or unreadable file, or a file without a certificate.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(_read(path, "certificate file")))
    except ValueError as error:
        raise SignerUnavailableError(f"{path} contains no PEM certificate. Export the chain as PEM.") from error


def read_key(path: Path) -> PrivateKey:
    """Read an unencrypted private key in PEM.

    Raises:
        SignerUnavailableError: missing, unreadable or encrypted file, or a key type that C2PA does not support.
    """
    try:
        key = serialization.load_pem_private_key(_read(path, "private key file"), password=None)
    except TypeError as error:
        raise SignerUnavailableError(
            f"The private key {path} is encrypted. Use a key without a passphrase, or a KMS."
        ) from error
    except ValueError as error:
        raise SignerUnavailableError(f"{path} contains no PEM private key. Export the key as PKCS#8 PEM.") from error
    if not isinstance(key, PrivateKey):
        raise SignerUnavailableError(f"C2PA does not support the type of key in {path}. Use {KEY_TYPES}.")
    algorithm_of(key.public_key())
    return key


def key_signs(key: PrivateKey, chain: Chain, path: Path) -> SignBytes:
    """Return the signing function of a key.

    Raises:
        SignerUnavailableError: the key does not belong to the leaf certificate.
    """
    if key.public_key() != chain.leaf.public_key():
        raise SignerUnavailableError(
            f"The private key {path} does not belong to the certificate of {name_of(chain.leaf)!r}. "
            "Use the key that the certificate was requested with."
        )
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
        return lambda data: key.sign(data, pss, hashes.SHA256())
    method = ec.ECDSA(DIGESTS[chain.algorithm])
    return lambda data: raw_signature(key.sign(data, method), key.curve.key_size)


def raw_signature(der: bytes, key_bits: int) -> bytes:
    """Convert an ECDSA signature from DER to r and s concatenated (RFC 9053, 2.1)."""
    size = (key_bits + 7) // 8
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(der))


def name_of(certificate: x509.Certificate) -> str:
    """Return the organisation and common name of the subject, as far as present."""
    return _readable(certificate.subject)


def issuer_of(certificate: x509.Certificate) -> str:
    """Return the organisation and common name of the issuer, as far as present."""
    return _readable(certificate.issuer)


def to_pem(certificates: Sequence[x509.Certificate]) -> str:
    """Return the certificates as one PEM text."""
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether the issuer signed the certificate, by name and key."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _readable(name: x509.Name) -> str:
    wanted = (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME)
    parts = [str(entry.value) for oid in wanted for entry in name.get_attributes_for_oid(oid)]
    return ", ".join(parts) or name.rfc4514_string()


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SignerUnavailableError(f"Cannot read the {what} {path}: {error.strerror}.") from error


def _check_order(certificates: Sequence[x509.Certificate], path: Path) -> None:
    """Check that a chain does not start with the certificate of a CA, as some tools write it."""
    first = certificates[0]
    signing = next((each for each in certificates if not is_authority(each) and not is_self_signed(each)), first)
    if signing is not first:
        kind = "the root" if is_self_signed(first) else "the CA"
        raise SignerUnavailableError(
            f"The chain in {path} starts with {kind} {name_of(first)!r}. Put the signing certificate "
            f"{name_of(signing)!r} first, then its issuers in order, and the root last."
        )


def _check_links(chain: Chain, path: Path) -> None:
    for certificate, issuer in zip(chain.certificates, chain.certificates[1:], strict=False):
        if not is_issued_by(certificate, issuer):
            raise SignerUnavailableError(
                f"In {path}, the certificate of {name_of(certificate)!r} is not followed by that of its issuer "
                f"{issuer_of(certificate)!r}. Put the chain in order, leaf first."
            )
    for below, issuer in enumerate(chain.certificates[1:]):
        _check_issuer(issuer, path)
        _check_path_length(issuer, below, path)
    last = chain.certificates[-1]
    if last in chain.anchors:
        return
    roots = [anchor for anchor in chain.anchors if is_issued_by(last, anchor)]
    if not roots:
        raise SignerUnavailableError(
            f"The chain in {path} ends at {name_of(last)!r}. Add the certificate of its issuer {issuer_of(last)!r}, "
            "or add the issuer to the anchors."
        )
    check_period(max(roots, key=lambda root: root.not_valid_after_utc), f"The root certificate of {path}")


def _check_path_length(issuer: x509.Certificate, below: int, path: Path) -> None:
    """Check that the certificate of an issuer allows as many CAs below it as the chain has (RFC 5280, 4.2.1.9)."""
    try:
        allowed = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return  # reported by _check_issuer
    if allowed is not None and below > allowed:
        raise SignerUnavailableError(
            f"In {path}, the CA {name_of(issuer)!r} may have {count_of(allowed, 'CA')} below it, but the chain has "
            f"{below}. Request a certificate from a CA that may issue it."
        )


def _check_issuer(issuer: x509.Certificate, path: Path) -> None:
    what = f"The certificate of the issuer {name_of(issuer)!r} of {path}"
    check_period(issuer, what)
    if not is_authority(issuer):
        raise SignerUnavailableError(f"{what} is not a CA certificate. Add the right certificate of the issuer.")
