"""The rules of C2PA for the certificate of a signer (C2PA 2.4, 14.5.1), as the signing library checks them.

The library only reports "the certificate is invalid", and only when it signs.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

from adapters.c2pa.key_types import algorithm_of
from manifests.errors import SignerUnavailableError

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
ACCEPTED_USAGES = frozenset(
    {
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # documentSigning
        x509.ObjectIdentifier("1.3.6.1.4.1.311.76.59.1.9"),  # C2PA signing of Microsoft
        CLAIM_SIGNING,
    }
)
"""Extended key usages of which a signer needs one: the library's default trust list, without its usages for others."""
REQUIRED_USAGE = "emailProtection, documentSigning or c2pa-kp-claimSigning"

EXCLUSIVE_USAGES = frozenset({ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING})
"""Certificates of timestamp and OCSP authorities may have no other usage."""

USAGE_NAMES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"): "documentSigning",
    CLAIM_SIGNING: "c2pa-kp-claimSigning",
}

SIGNATURES = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.RSASSA_PSS,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
        SignatureAlgorithmOID.ED25519,
    }
)
"""Algorithms with which a certificate may be signed by its issuer."""

KNOWN_EXTENSIONS = (
    x509.AuthorityInformationAccess,
    x509.AuthorityKeyIdentifier,
    x509.BasicConstraints,
    x509.CertificatePolicies,
    x509.CRLDistributionPoints,
    x509.ExtendedKeyUsage,
    x509.InhibitAnyPolicy,
    x509.KeyUsage,
    x509.NameConstraints,
    x509.PolicyConstraints,
    x509.SubjectAlternativeName,
    x509.SubjectKeyIdentifier,
)
"""Extensions that may be critical, because validators of C2PA process them."""


def check_leaf(leaf: x509.Certificate, path: Path) -> None:
    """Check that a leaf certificate can sign now.

    Raises:
        SignerUnavailableError: it cannot; the message names every rule that it breaks.
    """
    check_period(leaf, f"The certificate {path}")
    if is_self_signed(leaf):
        raise SignerUnavailableError(
            f"The certificate {path} is self-signed, which C2PA does not allow. Get one from a certificate authority, "
            "or unset REELMILL_SIGNER to use the development CA."
        )
    if faults := list(_faults(leaf)):
        raise SignerUnavailableError(
            f"The certificate {path} cannot sign Content Credentials: it {'; it '.join(faults)}. Request a certificate "
            "for C2PA or S/MIME from your certificate authority, or unset REELMILL_SIGNER to use the development CA."
        )
    algorithm_of(leaf.public_key())


def check_period(certificate: x509.Certificate, what: str, now: datetime | None = None) -> None:
    """Check that a certificate is valid now.

    Args:
        what: names the certificate at the start of the message.
        now: the time to check; None for the clock of this machine.

    Raises:
        SignerUnavailableError: it has expired, or is not valid yet.
    """
    now = now or datetime.now(UTC)
    clock = f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC"
    if certificate.not_valid_after_utc <= now:
        raise SignerUnavailableError(
            f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC. Renew it, or set the clock right "
            f"if it is wrong: {clock}."
        )
    if certificate.not_valid_before_utc > now:
        raise SignerUnavailableError(
            f"{what} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. Check the clock: "
            f"{clock}."
        )


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Return whether a certificate is its own issuer, as roots are."""
    return certificate.subject == certificate.issuer


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def _faults(leaf: x509.Certificate) -> Iterator[str]:
    """Yield what is wrong with a leaf, as verb phrases."""
    if leaf.version is not x509.Version.v3:
        yield "is an X.509 v1 certificate, but C2PA requires v3"
        return
    if leaf.signature_algorithm_oid not in SIGNATURES or not _has_long_digest(leaf):
        yield (
            f"is signed by its issuer with {_signature_of(leaf)}, but C2PA requires RSA or ECDSA with SHA-256, SHA-384 "
            "or SHA-512, or Ed25519"
        )
    try:
        extensions = list(leaf.extensions)
    except (x509.DuplicateExtension, ValueError) as error:
        yield f"has malformed extensions ({error})"
        return
    values = [extension.value for extension in extensions]
    if is_authority(leaf):
        yield "is a CA certificate (CA:TRUE), but C2PA requires an end-entity certificate"
    yield from _usage_faults(next((each for each in values if isinstance(each, x509.KeyUsage)), None))
    yield from _purpose_faults(next((each for each in values if isinstance(each, x509.ExtendedKeyUsage)), ()))
    if not any(isinstance(each, x509.AuthorityKeyIdentifier) for each in values):
        yield "lacks an authority key identifier"
    for each in extensions:
        if each.critical and not isinstance(each.value, KNOWN_EXTENSIONS):
            yield f"has the critical extension {each.oid.dotted_string}, which C2PA does not define"


def _signature_of(leaf: x509.Certificate) -> str:
    try:
        digest = leaf.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    return digest.name.upper() if digest else f"the algorithm {leaf.signature_algorithm_oid.dotted_string}"


def _has_long_digest(leaf: x509.Certificate) -> bool:
    digest = leaf.signature_hash_algorithm  # None for Ed25519
    return digest is None or digest.name in ("sha256", "sha384", "sha512")


def _usage_faults(usage: x509.KeyUsage | None) -> Iterator[str]:
    if usage is None or not usage.digital_signature:
        yield "lacks the key usage digitalSignature"
    if usage is not None and usage.key_cert_sign:
        yield "has the key usage keyCertSign, which C2PA reserves for certificate authorities"


def _purpose_faults(usages: Iterable[x509.ObjectIdentifier]) -> Iterator[str]:
    found = list(usages)
    if not found:
        yield f"lacks an extended key usage; C2PA requires {REQUIRED_USAGE}"
    elif ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in found:
        yield f"has {_named(found)}; C2PA forbids anyExtendedKeyUsage and requires {REQUIRED_USAGE}"
    elif not ACCEPTED_USAGES.intersection(found):
        tls = " (it is a TLS certificate)" if ExtendedKeyUsageOID.SERVER_AUTH in found else ""
        yield f"has {_named(found)}{tls}, but C2PA requires {REQUIRED_USAGE}"
    elif EXCLUSIVE_USAGES.intersection(found):
        yield f"has {_named(found)}; C2PA allows timeStamping and OCSPSigning only without other usages"


def _named(usages: Iterable[x509.ObjectIdentifier]) -> str:
    names = [USAGE_NAMES.get(usage, usage.dotted_string) for usage in usages]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"the extended key usage{'s' if len(names) > 1 else ''} {listed}"
