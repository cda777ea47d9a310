"""Sign with a key in AWS KMS."""

import hashlib
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from adapters.c2pa.certificates import SignBytes, raw_signature, read_chain
from adapters.c2pa.signer_source import CallbackKey
from adapters.proxies import check_proxy, is_loopback
from manifests.errors import SignerUnavailableError

ALGORITHMS = {
    "ES256": ("ECDSA_SHA_256", "sha256", 256),
    "ES384": ("ECDSA_SHA_384", "sha384", 384),
    "ES512": ("ECDSA_SHA_512", "sha512", 521),
    "PS256": ("RSASSA_PSS_SHA_256", "sha256", 0),
}
"""KMS name, digest and curve size in bits (0 for RSA) by COSE name."""

TRANSIENT = ("DependencyTimeoutException", "KMSInternalException", "ThrottlingException")


def kms_key(
    chain: Path, key_id: str, anchors: Path | None = None, *, region: str | None = None, endpoint: str | None = None
) -> CallbackKey:
    """Return a signer source with a key in AWS KMS; ``kms:Sign`` is the only permission that it needs.

    Args:
        chain: PEM file of the certificate chain for the key, leaf first.
        key_id: id, ARN or alias of a key for SIGN_VERIFY.
        region: AWS region; None uses boto3's default.
        endpoint: URL of a compatible service.

    Raises:
        SignerUnavailableError: the chain is invalid, or KMS does not support its type of key.
    """
    algorithm = read_chain(chain, anchors).algorithm
    if algorithm not in ALGORITHMS:
        raise SignerUnavailableError(f"AWS KMS cannot sign digests with {algorithm}. Use a NIST curve or RSA.")
    return CallbackKey(chain, _signing_function(_client(region, endpoint), key_id, algorithm), anchors, "AWS KMS")


def _client(region: str | None, endpoint: str | None) -> Any:
    config = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "max_attempts": 3},
        proxies={} if endpoint and is_loopback(endpoint) else None,
    )
    try:
        client = boto3.client("kms", region_name=region, endpoint_url=endpoint, config=config)
        check_proxy(str(client.meta.endpoint_url))
        return client
    except BotoCoreError as error:
        reason = str(error).rstrip(".")
        raise SignerUnavailableError(f"Cannot use AWS KMS ({reason}). Check its region and endpoint.") from error


def _signing_function(client: Any, key_id: str, algorithm: str) -> SignBytes:
    kms_name, digest, bits = ALGORITHMS[algorithm]

    def sign(data: bytes) -> bytes:
        # Sign a digest, because KMS accepts messages only up to 4096 bytes.
        message = hashlib.new(digest, data).digest()
        try:
            answer = client.sign(KeyId=key_id, Message=message, MessageType="DIGEST", SigningAlgorithm=kms_name)
        except (BotoCoreError, ClientError) as error:
            raise _signer_error(error, key_id) from error
        return raw_signature(answer["Signature"], bits) if bits else answer["Signature"]

    return sign


def _signer_error(error: BotoCoreError | ClientError, key_id: str) -> SignerUnavailableError:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        ours = SignerUnavailableError(
            f"AWS KMS refused to sign with {key_id} ({error}). Check the key, its region and the permission kms:Sign."
        )
        ours.transient = code in TRANSIENT
        return ours
    ours = SignerUnavailableError(
        f"Cannot reach AWS KMS to sign with {key_id} ({error}). Check the credentials, the region and the network."
    )
    ours.transient = True
    return ours
