"""Detached signatures of small texts with the signer's key, such as heads of the audit log, and their time stamps."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from rfc3161_client import (
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from adapters.c2pa.certificates import is_issued_by, name_of, to_pem
from adapters.c2pa.signer_source import OpenKey, verifies
from manifests.errors import TimeStampUnavailableError

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Detached:
    """A signature with its certificates.

    Attributes:
        algorithm: COSE name.
        chain: the certificates in PEM, leaf first, without the root.
        signature: base64.
        time_stamp: RFC 3161 response over the signature, base64; empty without a timestamp authority.
    """

    algorithm: str
    chain: str
    signature: str
    time_stamp: str = ""


def sign_detached(key: OpenKey, data: bytes, tsa_url: str | None) -> Detached:
    """Sign bytes, and have the signature time-stamped.

    Raises:
        SignerUnavailableError: the key failed to sign.
        TimeStampUnavailableError: no timestamp; the same call may succeed later.
    """
    signature = key.sign(data)
    return Detached(
        key.chain.algorithm,
        to_pem(key.chain.certificates),
        base64.b64encode(signature).decode(),
        base64.b64encode(_time_stamp(tsa_url, signature)).decode() if tsa_url else "",
    )


def problem_of(signed: Detached, data: bytes, at: datetime, anchors_pem: str) -> str:
    """Return what is wrong with a detached signature; empty if it is valid and its certificates are trusted.

    Args:
        at: when it was made, according to its author.
        anchors_pem: trusted roots, including that of the timestamp authority.
    """
    try:
        chain = x509.load_pem_x509_certificates(signed.chain.encode())
        signature = base64.b64decode(signed.signature, validate=True)
        is_genuine = verifies(chain[0], signature, data, signed.algorithm)
    except (ValueError, KeyError, TypeError):
        return "its signature cannot be read"
    if not is_genuine:
        return "its signature is wrong"
    anchors = x509.load_pem_x509_certificates(anchors_pem.encode())
    if not _is_trusted(chain, anchors):
        return f"the certificate of {name_of(chain[0])!r} is not trusted; add its root to REELMILL_SIGNER_ANCHORS"
    if not chain[0].not_valid_before_utc <= at <= chain[0].not_valid_after_utc:
        return "it was signed when its certificate was not valid"
    return _time_stamp_problem(signed.time_stamp, signature, anchors) if signed.time_stamp else ""


def time_of(signed: Detached) -> datetime | None:
    """Return the time in the time stamp; None without one."""
    if not signed.time_stamp:
        return None
    return decode_timestamp_response(base64.b64decode(signed.time_stamp)).tst_info.gen_time


def _is_trusted(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> bool:
    links = pairwise(chain)
    last = chain[-1]
    return all(is_issued_by(each, issuer) for each, issuer in links) and (
        last in anchors or any(is_issued_by(last, anchor) for anchor in anchors)
    )


def _time_stamp(url: str, signature: bytes) -> bytes:
    request = TimestampRequestBuilder().data(signature).build()
    try:
        answer = httpx.post(
            url,
            content=request.as_bytes(),
            headers={"Content-Type": "application/timestamp-query"},
            timeout=_SECONDS,
        ).raise_for_status()
        stamp = decode_timestamp_response(answer.content)
        if stamp.status != 0 or stamp.tst_info.nonce != request.nonce or not _is_of(stamp, signature):
            raise ValueError("it is for something else")
    except (httpx.HTTPError, ValueError) as error:
        raise TimeStampUnavailableError(
            f"No timestamp from {url} ({error}). Check REELMILL_TSA_URL, or run the command again later."
        ) from error
    return answer.content


def _is_of(stamp: TimeStampResponse, signature: bytes) -> bool:
    names = {"2.16.840.1.101.3.4.2.1": hashes.SHA256(), "2.16.840.1.101.3.4.2.3": hashes.SHA512()}
    imprint = stamp.tst_info.message_imprint
    digest = hashes.Hash(names[imprint.hash_algorithm.dotted_string])
    digest.update(signature)
    return bool(digest.finalize() == imprint.message)


def _time_stamp_problem(text: str, signature: bytes, anchors: Sequence[x509.Certificate]) -> str:
    try:
        stamp = decode_timestamp_response(base64.b64decode(text, validate=True))
        builder = VerifierBuilder()
        for anchor in anchors:
            builder = builder.add_root_certificate(anchor)
        builder.build().verify_message(stamp, signature)
    except (ValueError, VerificationError) as error:
        return f"its time stamp is not valid ({error})"
    return ""
