"""Convert settings to the resources of the steps, which are plain values."""

import fcntl
import secrets
from dataclasses import replace

from pydantic import SecretStr

from adapters.catalogue import sqlite_url
from adapters.files.durable import write_durably
from flows.runtime.fan_out import shares_staging
from flows.settings import Settings, load_settings
from models.weights.file_digest import remember_digests_in
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

PROMPT_KEY_BYTES = 32
DIGESTS = "weight-digests.json"


def resources_of(settings: Settings) -> Resources:
    """Return the resources; the folder of the local state and its secrets are created on first use."""
    settings.home.mkdir(parents=True, exist_ok=True)
    remember_digests_in(settings.home / DIGESTS)
    return Resources(
        catalogue_url=settings.catalogue_url or sqlite_url(settings.home / "catalogue.sqlite"),
        bucket=BucketConfig(
            location=settings.bucket or str(settings.home / "bucket"),
            endpoint=settings.bucket_endpoint,
            region=settings.bucket_region,
            access_key=_plain(settings.bucket_access_key),
            secret_key=_plain(settings.bucket_secret_key),
            public_url=settings.bucket_public_url,
        ),
        signer=SignerConfig(
            kind=settings.signer,
            folder=settings.home / "signer",
            chain=settings.signer_chain,
            key=settings.signer_key,
            kms_key=settings.signer_kms_key,
            kms_endpoint=settings.signer_kms_endpoint,
            kms_region=settings.signer_kms_region,
            anchors=settings.signer_anchors,
            tsa_url=settings.tsa_url,
            tsa_anchors=settings.tsa_anchors,
        ),
        staging=settings.home / "staging",
        first_frames=settings.home / "first-frames",
        drafts=settings.drafts,
        master_crf=settings.master_crf,
        shared=shares_staging(settings),
        machine=_load_or_create(settings, "machine.id", 8).hex(),
        devices=() if settings.device == "auto" else tuple(settings.device.split(",")),
        threads=settings.threads,
        model_folders=settings.model_folders,
        weights_root=settings.weights_root,
        lease_s=settings.lease_s,
        attempts=settings.attempts,
        training_mining=settings.training_mining,
        disclose_prompt=settings.disclose_prompt,
        attestations=tuple(settings.attestations.items()),
        prompt_key=_load_or_create(settings, "prompt.key", PROMPT_KEY_BYTES),
    )


def localise_resources(resources: Resources) -> Resources:
    """Return the resources with the local values of this host; only needed if hosts share their staging."""
    if not resources.shared:
        remember_digests_in(resources.staging.parent / DIGESTS)
        return resources
    own = resources_of(load_settings())
    return replace(
        resources,
        staging=own.staging,
        first_frames=own.first_frames,
        machine=own.machine,
        devices=own.devices,
        threads=own.threads,
        weights_root=own.weights_root,
        model_folders=own.model_folders or resources.model_folders,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _load_or_create(settings: Settings, name: str, length: int) -> bytes:
    """Return random bytes that are created once per installation: its id, or the HMAC key for prompts."""
    path = settings.home / name
    with (settings.home / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            write_durably(path, secrets.token_bytes(length), mode=0o600)
        return path.read_bytes()
