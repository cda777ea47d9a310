"""Read and check certificate chains and private keys in PEM before they are used.

The signing library only reports "the certificate is invalid"; these checks report the reason.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from manifests.errors import SignerUnavailableError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
SignBytes = Callable[[bytes], bytes]
"""Signs a byte string; ECDSA signatures are r and s concatenated, as COSE requires."""

KEY_TYPES = "P-256, P-384, P-521, Ed25519, or RSA of at least 2048 bits"
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
    "ES512": hashes.SHA512(),
    "PS256": hashes.SHA256(),
}


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
    own_root = certificates[-1:] if len(certificates) > 1 and _is_root(certificates[-1]) else ()
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


def algorithm_of(key: object) -> str:
    """Return the COSE name of the algorithm for a public key.

    Raises:
        SignerUnavailableError: C2PA does not support this type of key.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return "PS256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ED25519"
    raise SignerUnavailableError(f"C2PA does not support the signer's type of key. Use {KEY_TYPES}.")


def check_leaf(leaf: x509.Certificate, path: Path) -> None:
    """Check that a leaf certificate can sign now.

    Raises:
        SignerUnavailableError: it cannot.
    """
    now = datetime.now(UTC)
    if leaf.not_valid_after_utc <= now:
        raise SignerUnavailableError(
            f"The certificate {path} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC. Renew it."
        )
    if leaf.not_valid_before_utc > now:
        raise SignerUnavailableError(
            f"The certificate {path} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. "
            "Check the clock."
        )
    if _is_root(leaf):
        raise SignerUnavailableError(
            f"The certificate {path} is self-signed, which C2PA does not allow. Get one from a certificate authority, "
            "or unset REELMILL_SIGNER to use the development CA."
        )
    if _is_authority(leaf):
        raise SignerUnavailableError(
            f"The first certificate in {path} is a CA certificate. Put the signer's certificate first."
        )
    if missing := next(_missing_extensions(leaf), None):
        raise SignerUnavailableError(
            f"The certificate {path} lacks {missing}, which C2PA requires. Request a certificate that has it."
        )
    algorithm_of(leaf.public_key())


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


def _check_links(chain: Chain, path: Path) -> None:
    for certificate, issuer in zip(chain.certificates, chain.certificates[1:], strict=False):
        if not is_issued_by(certificate, issuer):
            raise SignerUnavailableError(
                f"In {path}, the certificate of {name_of(certificate)!r} is not followed by that of its issuer "
                f"{issuer_of(certificate)!r}. Put the chain in order, leaf first."
            )
    last = chain.certificates[-1]
    if last not in chain.anchors and not any(is_issued_by(last, anchor) for anchor in chain.anchors):
        raise SignerUnavailableError(
            f"The chain in {path} ends at {name_of(last)!r}. Add the certificate of its issuer {issuer_of(last)!r}, "
            "or add the issuer to the anchors."
        )


def _missing_extensions(leaf: x509.Certificate) -> Iterator[str]:
    kinds = {type(extension.value): extension.value for extension in leaf.extensions}
    usage = kinds.get(x509.KeyUsage)
    if not isinstance(usage, x509.KeyUsage) or not usage.digital_signature:
        yield "the key usage digitalSignature"
    if x509.ExtendedKeyUsage not in kinds:
        yield "an extended key usage, such as emailProtection"
    if x509.AuthorityKeyIdentifier not in kinds:
        yield "an authority key identifier"


def _is_root(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
