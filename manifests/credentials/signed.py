"""A signed clip and its signer."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple


class Validity(NamedTuple):
    """When a certificate of the signer is valid.

    Attributes:
        what: the certificate, as a noun phrase with an article.
        not_before, not_after: seconds since 1970. A root never ends here, because not every validator checks its end.
    """

    what: str
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True)
class SignerFacts:
    """Details of the signer, for people to read.

    Attributes:
        not_after: expiry of the certificate.
        days_left: whole days until the expiry.
        algorithm: COSE name, ``ES256``.
        kind: ``development CA``, ``key file``, ``AWS KMS`` or ``callback``.
        tsa: address of the timestamp authority, if one is used.
    """

    subject: str
    issuer: str
    not_after: datetime
    days_left: int
    algorithm: str
    kind: str
    tsa: str | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A clip with its Content Credential, on this machine.

    Attributes:
        sha256: hex digest of the whole signed file, including the parts that the credential does not cover.
        size: size of the signed file in bytes.
        sidecar: the manifest store as a ``.c2pa`` file, for platforms that strip the embedded one.
        sidecar_sha256: hex digest of the sidecar.
        manifest_label: ``urn:c2pa:…`` of the active manifest.
        signed_at: ISO 8601; from the timestamp, or else from this machine's clock.
    """

    path: Path
    sha256: str
    size: int
    sidecar: Path
    sidecar_sha256: str
    manifest_label: str
    signed_at: str

    @property
    def credential_sha256(self) -> str:
        """Hash of the manifest store, which is identical in the clip and in the sidecar."""
        return self.sidecar_sha256
