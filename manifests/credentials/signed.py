"""A signed clip, and who signed it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SignerFacts:
    """Who signs, for people to read.

    Attributes:
        not_after: when the certificate expires.
        days_left: whole days until then.
        algorithm: COSE name, ``ES256``.
        kind: ``development CA``, ``key file``, ``AWS KMS`` or ``callback``.
        tsa: address of the time stamp authority, if one is asked.
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
    """A clip with its Content Credential, as it lies on this machine.

    Attributes:
        sha256: of the whole signed file; it covers what the credential does not, too.
        size: bytes of the signed file.
        sidecar: the manifest store as a ``.c2pa`` file, for where platforms strip the embedded one.
        sidecar_sha256: of that file.
        manifest_label: ``urn:c2pa:…`` of the active manifest.
        signed_at: ISO 8601; of the time stamp, or else of this machine.
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
        """Hash of the manifest store, which is the same in the clip and beside it."""
        return self.sidecar_sha256
