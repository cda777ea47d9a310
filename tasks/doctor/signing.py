"""Check the signer: sign a test clip and verify that its credential is Trusted."""

import shlex
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from adapters.c2pa.signer import Signer
from adapters.files.umask import is_open_to_all
from adapters.media.video import encode, write_poster
from manifests.credentials.credential import Provenance, generation_definition
from manifests.errors import CredentialError
from manifests.variant import Variant
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.resources import Resources, signer_of

RENEW_DAYS = 30
FRAMES, SIDE, FPS = 8, 64, 8


def check_signer(resources: Resources) -> Finding:
    """Open the signer, which checks that key and certificate match, and sign a test clip."""
    try:
        with signer_of(resources) as signer:
            facts = signer.describe()
            sign_test_clip(signer)
    except CredentialError as error:
        message = str(error).rstrip(".")
        return Finding(
            FAIL,
            f"{message[0].upper()}{message[1:]}.",
            "Check the settings REELMILL_SIGNER… and REELMILL_TSA_URL, then test with `reelmill signer`. "
            "Clips are still generated, and wait to be signed.",
        )
    stamps = f"timestamps by {facts.tsa}" if facts.tsa else "no timestamps, so clips stay trusted only until then"
    message = (
        f"{facts.subject} ({facts.kind}, {facts.algorithm}): the test clip is Trusted; the certificate expires "
        f"in {facts.days_left} days, on {facts.not_after:%Y-%m-%d}; {stamps}."
    )
    if facts.days_left < RENEW_DAYS:
        return Finding(
            WARN,
            message,
            "Renew the certificate and save the new chain to the file in REELMILL_SIGNER_CHAIN; "
            "docs/operations.md describes how to change keys.",
        )
    return _weak_signer(resources, message) or Finding(OK, message)


def exposed_key(resources: Resources) -> str:
    """Return a warning if every user of this machine can read the signing key; empty if not, or without a file."""
    key = resources.signer.key if resources.signer.kind == "pem" else None
    with suppress(OSError):  # opening the signer reports a file that cannot be read
        if key and is_open_to_all(key):
            return f"Every user of this machine can read or replace the signing key {key}. {_private_key_fix(key)}"
    return ""


def _private_key_fix(key: Path) -> str:
    return f"Run `chmod o= {shlex.quote(str(key))}`; in Kubernetes, set `defaultMode: 0440` for the volume of the key."


def _weak_signer(resources: Resources, message: str) -> Finding | None:
    """Return a warning about a signer that works but should not be used like this."""
    if warning := exposed_key(resources):
        what, _, fix = warning.partition(". Run ")
        return Finding(WARN, f"{message} {what}.", f"Run {fix}")
    is_shared = resources.catalogue_url.startswith("postgres") or resources.bucket.location.startswith("s3://")
    if resources.signer.kind == "development" and is_shared:
        return Finding(
            WARN,
            f"{message} Viewers do not trust the development CA, and each machine has its own.",
            "Set REELMILL_SIGNER to pem or kms on all machines; docs/operations.md describes both.",
        )
    return None


def sign_test_clip(signer: Signer) -> None:
    """Sign a tiny clip and verify that its credential is Trusted, as for every clip.

    Raises:
        CredentialError: it cannot be signed, or the result is not trusted.
    """
    frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
    frames[:, :, : SIDE // 2] = 200
    with tempfile.TemporaryDirectory() as folder:
        clip, poster = Path(folder, "test.mp4"), Path(folder, "test.jpg")
        encode(frames, FPS, clip)
        write_poster(frames[0], poster)
        signer.sign(
            clip, poster, generation_definition(_provenance()), Path(folder, "signed.mp4"), Path(folder, "signed.c2pa")
        )


def _provenance() -> Provenance:
    variant = Variant("doctor", "1", "a test", "", 0, SIDE, SIDE, FRAMES, FPS, 1, 1.0)
    return Provenance(
        title="Signer test",
        variant=variant,
        variant_id=variant.variant_id,
        campaign_id="doctor",
        model_name="none",
        pipeline="none",
        generator_library="none 0",
        licence="Apache-2.0",
        program_version="0",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        prompt_hmac_key=bytes(32),
        render_size=(SIDE, SIDE),
    )
