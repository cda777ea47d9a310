"""The signer: a trial clip is signed and must read back Trusted."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from adapters.c2pa.signer import Signer
from adapters.media.video import encode, write_poster
from manifests.credentials.credential import Provenance, generation_definition
from manifests.errors import CredentialError
from manifests.variant import Variant
from tasks.doctor.check import FAIL, OK, WARN, Finding
from tasks.runtime.resources import Resources, signer_of

RENEW_DAYS = 30
FRAMES, SIDE, FPS = 8, 64, 8


def check_signer(resources: Resources) -> Finding:
    """Open the signer, whose key must be its certificate's, sign a trial clip, and tell until when it can."""
    try:
        with signer_of(resources) as signer:
            facts = signer.describe()
            _sign_trial(signer)
    except CredentialError as error:
        told = str(error).rstrip(".")
        return Finding(
            FAIL,
            f"{told[0].upper()}{told[1:]}.",
            "Clips are made meanwhile and wait for their signature; "
            "`reelmill signer` tries it again. The settings are REELMILL_SIGNER… and REELMILL_TSA_URL.",
        )
    stamps = f"time stamps by {facts.tsa}" if facts.tsa else "no time stamps, so that clips stay trusted until then"
    told = (
        f"{facts.subject} ({facts.kind}, {facts.algorithm}): a trial clip reads back Trusted; the certificate ends "
        f"in {facts.days_left} days, on {facts.not_after:%Y-%m-%d}; {stamps}."
    )
    if facts.days_left < RENEW_DAYS:
        return Finding(
            WARN,
            told,
            "Renew the certificate, and put its new chain where REELMILL_SIGNER_CHAIN points; "
            "docs/operations.md says how keys are changed.",
        )
    return Finding(OK, told)


def _sign_trial(signer: Signer) -> None:
    frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
    frames[:, :, : SIDE // 2] = 200
    with tempfile.TemporaryDirectory() as folder:
        clip, poster = Path(folder, "trial.mp4"), Path(folder, "trial.jpg")
        encode(frames, FPS, clip)
        write_poster(frames[0], poster)
        signer.sign(
            clip, poster, generation_definition(_provenance()), Path(folder, "signed.mp4"), Path(folder, "signed.c2pa")
        )


def _provenance() -> Provenance:
    variant = Variant("doctor", "1", "a trial", "", 0, SIDE, SIDE, FRAMES, FPS, 1, 1.0)
    return Provenance(
        title="A trial of the signer",
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
    )
