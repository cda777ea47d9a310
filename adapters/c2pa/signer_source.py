"""Where a signer's certificate and key come from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from adapters.c2pa.certificates import (
    DIGESTS,
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
from manifests.errors import ReelmillError, SignerUnavailableError


@dataclass(frozen=True, slots=True)
class DevelopmentCA:
    """A root and a leaf of this installation's own, made in ``folder`` on first use."""

    folder: Path


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A certificate chain and its private key, both in PEM.

    Attributes:
        chain: leaf first; ends in its root, unless ``anchors`` names one.
        anchors: PEM file of the roots under which the clips are to read Trusted.
    """

    chain: Path
    key: Path
    anchors: Path | None = None


@dataclass(frozen=True, slots=True)
class CallbackKey:
    """A certificate chain whose private key lies elsewhere: a KMS, an HSM, a signing service.

    Attributes:
        sign: signs a byte string with the leaf's key; ECDSA as r and s side by side, RSA as PSS
            with a salt as long as the digest. Called from the thread that signs the clip.
        kind: what to call it.
    """

    chain: Path
    sign: Callable[[bytes], bytes]
    anchors: Path | None = None
    kind: str = "callback"


SignerSource = DevelopmentCA | KeyFile | CallbackKey


@dataclass(frozen=True, slots=True)
class TimeStamps:
    """A time stamp authority (RFC 3161).

    Attributes:
        url: http or https address.
        anchors: PEM file of its root; without one a clip stays Trusted only until the signer's
            certificate expires.

    Raises:
        SignerUnavailableError: the address is none.
    """

    url: str
    anchors: Path | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise SignerUnavailableError(
                f"the time stamp authority's address {self.url!r} must begin with http:// or https://"
            )

    @property
    def anchors_pem(self) -> str:
        """Its root in PEM, or nothing."""
        return to_pem(read_certificates(self.anchors)) if self.anchors else ""


class OpenKey(NamedTuple):
    """A chain that was checked, with what signs for it.

    Attributes:
        path: where the chain was read; for messages.
    """

    chain: Chain
    sign: SignBytes
    kind: str
    path: Path


def open_key(source: SignerSource) -> OpenKey:
    """Read and check what a source names.

    Raises:
        SignerUnavailableError: says what is missing or unfit.
    """
    if isinstance(source, DevelopmentCA):
        own_chain, own_key = development_chain(source.folder)
        path = source.folder / "leaf.pem"
        return OpenKey(own_chain, key_signs(own_key, own_chain, path), "development CA", path)
    chain = read_chain(source.chain, source.anchors)
    if isinstance(source, KeyFile):
        sign = key_signs(read_key(source.key), chain, source.key)
        return OpenKey(chain, sign, "key file", source.chain)
    _try_out(source, chain)
    return OpenKey(chain, source.sign, source.kind, source.chain)


def _try_out(source: CallbackKey, chain: Chain) -> None:
    """Sign a few bytes: better to learn now than with the first clip that the key is another one."""
    probe = b"reelmill: does this key belong to the certificate?"
    try:
        signature = source.sign(probe)
    except ReelmillError:
        raise
    except Exception as error:
        raise SignerUnavailableError(f"the signing callback failed: {type(error).__name__}: {error}") from error
    if not _verifies(chain.leaf, signature, probe, chain.algorithm):
        raise SignerUnavailableError(
            f"the {source.kind} key does not belong to the certificate of "
            f"{name_of(chain.leaf)!r} in {source.chain}; name the key that its request "
            "was made with"
        )


def _verifies(leaf: x509.Certificate, signature: bytes, data: bytes, algorithm: str) -> bool:
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
