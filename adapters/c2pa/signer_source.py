"""Sources of a signer's certificate and key."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from adapters.c2pa.certificates import (
    Chain,
    SignBytes,
    key_signs,
    name_of,
    read_certificates,
    read_chain,
    read_key,
    to_pem,
)
from adapters.c2pa.development_ca import development_chain
from adapters.c2pa.key_types import DIGESTS
from manifests.errors import ReelmillError, SignerUnavailableError


@dataclass(frozen=True, slots=True)
class DevelopmentCA:
    """A local root and leaf certificate, created in ``folder`` on first use."""

    folder: Path


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A certificate chain and its private key, both in PEM.

    Attributes:
        chain: leaf first; it must end in its root unless ``anchors`` contains that.
        anchors: PEM file of the roots under which clips are Trusted.
    """

    chain: Path
    key: Path
    anchors: Path | None = None


@dataclass(frozen=True, slots=True)
class CallbackKey:
    """A certificate chain with an external private key: in a KMS, an HSM or a signing service.

    Attributes:
        sign: signs a byte string with the leaf's key: ECDSA as r and s concatenated, RSA as PSS with a salt as long as
            the digest. Called from the thread that signs the clip.
        kind: name for messages.
    """

    chain: Path
    sign: Callable[[bytes], bytes]
    anchors: Path | None = None
    kind: str = "callback"


SignerSource = DevelopmentCA | KeyFile | CallbackKey


@dataclass(frozen=True, slots=True)
class TimeStamps:
    """A timestamp authority (RFC 3161).

    Attributes:
        url: HTTP or HTTPS URL.
        anchors: PEM file of its root; without it, a clip is Trusted only until the signer's certificate expires.

    Raises:
        SignerUnavailableError: invalid URL.
    """

    url: str
    anchors: Path | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise SignerUnavailableError(
                f"Invalid URL of the timestamp authority: {self.url!r}. "
                "Set REELMILL_TSA_URL to a URL that starts with http:// or https://."
            )

    @property
    def anchors_pem(self) -> str:
        """The root in PEM, or an empty string."""
        return to_pem(read_certificates(self.anchors)) if self.anchors else ""


class OpenKey(NamedTuple):
    """A validated chain with its signing function.

    Attributes:
        path: file of the chain, for messages.
    """

    chain: Chain
    sign: SignBytes
    kind: str
    path: Path


def open_key(source: SignerSource) -> OpenKey:
    """Read and validate the chain and the key of a source.

    Raises:
        SignerUnavailableError: a file or the key is missing or invalid.
    """
    if isinstance(source, DevelopmentCA):
        own_chain, own_key = development_chain(source.folder)
        path = source.folder / "leaf.pem"
        return OpenKey(own_chain, key_signs(own_key, own_chain, path), "development CA", path)
    chain = read_chain(source.chain, source.anchors)
    if isinstance(source, KeyFile):
        sign = key_signs(read_key(source.key), chain, source.key)
        return OpenKey(chain, sign, "key file", source.chain)
    _check_callback(source, chain)
    return OpenKey(chain, source.sign, source.kind, source.chain)


def _check_callback(source: CallbackKey, chain: Chain) -> None:
    """Sign a few bytes, to find a wrong key before the first clip is signed."""
    probe = b"reelmill: does this key belong to the certificate?"
    try:
        signature = source.sign(probe)
    except ReelmillError:
        raise
    except Exception as error:
        raise SignerUnavailableError(f"The signing callback failed ({type(error).__name__}: {error}).") from error
    if not verifies(chain.leaf, signature, probe, chain.algorithm):
        raise SignerUnavailableError(
            f"The {source.kind} key does not belong to the certificate of {name_of(chain.leaf)!r} in {source.chain}. "
            "Use the key that the certificate was requested with."
        )


def verifies(leaf: x509.Certificate, signature: bytes, data: bytes, algorithm: str) -> bool:
    """Return whether a signature is that of the leaf's key over the data."""
    key = leaf.public_key()
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, rsa.RSAPublicKey):
            digest = DIGESTS[algorithm]
            key.verify(signature, data, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            numbers = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            key.verify(encode_dss_signature(*numbers), data, ec.ECDSA(DIGESTS[algorithm]))
    except InvalidSignature:
        return False
    return True
