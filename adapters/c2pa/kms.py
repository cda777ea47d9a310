"""Signing with a key that never leaves AWS KMS."""

import hashlib
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from adapters.c2pa.certificates import SignBytes, raw_signature, read_chain
from adapters.c2pa.signer_source import CallbackKey
from manifests.errors import SignerUnavailableError

ALGORITHMS = {
    "ES256": ("ECDSA_SHA_256", "sha256", 256),
    "ES384": ("ECDSA_SHA_384", "sha384", 384),
    "ES512": ("ECDSA_SHA_512", "sha512", 521),
    "PS256": ("RSASSA_PSS_SHA_256", "sha256", 0),
}
"""COSE name to KMS's name, digest, and bits of the curve (0 for RSA)."""

TRANSIENT = ("DependencyTimeoutException", "KMSInternalException", "ThrottlingException")


def kms_key(
    chain: Path, key_id: str, anchors: Path | None = None, *, region: str | None = None, endpoint: str | None = None
) -> CallbackKey:
    """Return a signer source whose key lies in AWS KMS; it needs the right ``kms:Sign`` and no other.

    Args:
        chain: PEM file of the certificate chain for that key, leaf first.
        key_id: id, ARN or alias of a key for SIGN_VERIFY.
        region: AWS region; None takes the one that boto3 finds.
        endpoint: address of a compatible service.

    Raises:
        SignerUnavailableError: the chain is unfit, or KMS cannot sign for its kind of key.
    """
    algorithm = read_chain(chain, anchors).algorithm
    if algorithm not in ALGORITHMS:
        raise SignerUnavailableError(f"AWS KMS signs no digests with {algorithm}; use a NIST curve or RSA")
    return CallbackKey(chain, _signs(_client(region, endpoint), key_id, algorithm), anchors, "AWS KMS")


def _client(region: str | None, endpoint: str | None) -> Any:
    patience = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
    try:
        return boto3.client("kms", region_name=region, endpoint_url=endpoint, config=patience)
    except BotoCoreError as error:
        raise SignerUnavailableError(f"cannot set up AWS KMS: {error}") from error


def _signs(client: Any, key_id: str, algorithm: str) -> SignBytes:
    kms_name, digest, bits = ALGORITHMS[algorithm]

    def sign(data: bytes) -> bytes:
        # A digest, because KMS takes messages only up to 4096 bytes.
        message = hashlib.new(digest, data).digest()
        try:
            answer = client.sign(KeyId=key_id, Message=message, MessageType="DIGEST", SigningAlgorithm=kms_name)
        except (BotoCoreError, ClientError) as error:
            raise _clear(error, key_id) from error
        return raw_signature(answer["Signature"], bits) if bits else answer["Signature"]

    return sign


def _clear(error: BotoCoreError | ClientError, key_id: str) -> SignerUnavailableError:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        clear = SignerUnavailableError(
            f"AWS KMS refuses to sign with {key_id}; check the key, its region and the right kms:Sign ({error})"
        )
        clear.transient = code in TRANSIENT
        return clear
    clear = SignerUnavailableError(
        f"AWS KMS cannot be asked to sign with {key_id}; check credentials, region and network ({error})"
    )
    clear.transient = True
    return clear
