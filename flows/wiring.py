"""From settings to the plain values that the steps open their tools with."""

import secrets

from pydantic import SecretStr

from adapters.durable import write_durably
from flows.settings import Settings
from tasks.wiring import BucketPlace, SignerPlace, Wiring

PROMPT_KEY_BYTES = 32


def wiring_of(settings: Settings) -> Wiring:
    """Return the wiring, making the embedded state's folder and secrets on first use."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return Wiring(
        catalogue_url=settings.catalogue_url or f"sqlite:///{settings.home / 'catalogue.sqlite'}",
        bucket=BucketPlace(
            location=settings.bucket or str(settings.home / "bucket"),
            endpoint=settings.bucket_endpoint,
            region=settings.bucket_region,
            access_key=_plain(settings.bucket_access_key),
            secret_key=_plain(settings.bucket_secret_key),
            public_url=settings.bucket_public_url,
        ),
        signer=SignerPlace(
            kind=settings.signer,
            folder=settings.home / "signer",
            chain=settings.signer_chain,
            key=settings.signer_key,
            kms_key=settings.signer_kms_key,
            kms_endpoint=settings.signer_kms_endpoint,
            kms_region=settings.bucket_region,
            anchors=settings.signer_anchors,
            tsa_url=settings.tsa_url,
            tsa_anchors=settings.tsa_anchors,
        ),
        staging=settings.home / "staging",
        devices=() if settings.device == "auto" else tuple(settings.device.split(",")),
        threads=settings.threads,
        model_folders=settings.model_folders,
        weights_root=settings.weights_root,
        lease_s=settings.lease_s,
        attempts=settings.attempts,
        training_mining=settings.training_mining,
        disclose_prompt=settings.disclose_prompt,
        prompt_key=_prompt_key(settings),
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _prompt_key(settings: Settings) -> bytes:
    """The installation's secret, with which it can show that a prompt belongs to a clip."""
    path = settings.home / "prompt.key"
    if not path.is_file():
        write_durably(path, secrets.token_bytes(PROMPT_KEY_BYTES), mode=0o600)
    return path.read_bytes()
