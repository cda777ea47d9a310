"""The types of keys that C2PA supports, and their signing algorithms."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from manifests.errors import SignerUnavailableError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

KEY_TYPES = "P-256, P-384, P-521, Ed25519, or RSA of at least 2048 bits"
MIN_RSA_BITS = 2048
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
    "ES512": hashes.SHA512(),
    "PS256": hashes.SHA256(),
}


def algorithm_of(key: object) -> str:
    """Return the COSE name of the algorithm for a public key.

    Raises:
        SignerUnavailableError: C2PA does not support this type of key.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return "PS256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ED25519"
    raise SignerUnavailableError(
        f"C2PA does not support the signer's type of key, {_described(key)}. Use {KEY_TYPES}: create a new key and "
        "request a certificate for it."
    )


def _described(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"the elliptic curve {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").lstrip("_")
