"""Convert settings to the resources of the steps, which are plain values."""

import fcntl
import secrets

from pydantic import SecretStr

from adapters.catalogue import KEY_BYTES, sqlite_url
from adapters.files.durable import write_durably
from adapters.files.umask import open_without_links
from flows.fan_out.fan_out import shares_staging
from flows.runtime.home import prepare_home
from flows.runtime.provider_keys import provider_accounts
from flows.settings import Settings
from manifests.errors import SettingsError
from models.weights.file_digest import remember_digests_in
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig
from tasks.runtime.sealed_catalogues import is_known_as_sealed

PROMPT_KEY_BYTES = 32
DIGESTS = "weight-digests.json"
AUDIT_KEY = "audit.key"
SEALED = "audit.sealed"
LOG_MARKS = "audit.marks"


def resources_of(settings: Settings) -> Resources:
    """Return the resources; the folder of the local state and its secrets are created on first use."""
    prepare_home(settings.home)
    remember_digests_in(settings.home / DIGESTS)
    url, sealed = settings.catalogue_url or sqlite_url(settings.home / "catalogue.sqlite"), settings.home / SEALED
    is_lost = not settings.audit_key and not (settings.home / AUDIT_KEY).is_file() and is_known_as_sealed(sealed, url)
    return Resources(
        catalogue_url=url,
        bucket=BucketConfig(
            location=settings.bucket or str(settings.home / "bucket"),
            endpoint=settings.bucket_endpoint,
            region=settings.bucket_region,
            access_key=plain_secret(settings.bucket_access_key),
            secret_key=plain_secret(settings.bucket_secret_key),
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
        speech=settings.home / "speech",
        master_crf=settings.master_crf,
        finish_master_crf=settings.finish_master_crf,
        shared=shares_staging(settings),
        machine=machine_id(settings),
        devices=settings.device_names,
        device_processes=settings.device_processes,
        threads=settings.threads,
        model_folders=settings.model_folders,
        weights_root=settings.weights_root,
        lease_s=settings.lease_s,
        attempts=settings.attempts,
        training_mining=settings.training_mining,
        disclose_prompt=settings.disclose_prompt,
        attestations=tuple(settings.attestations.items()),
        prompt_key=_load_or_create(settings, "prompt.key", PROMPT_KEY_BYTES),
        audit_key=b"" if is_lost else audit_key_of(settings),
        audit_key_problem=_lost_key_text(settings) if is_lost else "",
        audit_anchor_h=settings.audit_anchor_h,
        seal_history=settings.audit_key is None,
        sealed_catalogues=sealed,
        log_marks=settings.home / LOG_MARKS,
        providers=provider_accounts(settings),
    )


def machine_id(settings: Settings) -> str:
    """Return the id of this installation; it is created on first use."""
    return _load_or_create(settings, "machine.id", 8).hex()


def audit_key_of(settings: Settings) -> bytes:
    """Return the key in REELMILL_AUDIT_KEY, or that of this home, which is created as hex digits on first use."""
    if settings.audit_key:
        return bytes.fromhex(settings.audit_key.get_secret_value())
    text = _load_or_create(settings, AUDIT_KEY, KEY_BYTES, as_text=True)
    try:
        return bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        raise SettingsError(
            f"The audit key {settings.home / AUDIT_KEY} is damaged. Restore it from a backup of REELMILL_HOME, or copy "
            "it from another machine that uses this catalogue. If it is lost, delete the file and run `reelmill audit "
            "seal --new-key`."
        ) from None


def _lost_key_text(settings: Settings) -> str:
    """Return the message for a home that has sealed its catalogue, but no longer has the key.

    A new key, created silently, would only be a wrong one.
    """
    return (
        f"{AUDIT_KEY} is missing in {settings.home}, and this installation has sealed the catalogue with it. Restore "
        "it from a backup of REELMILL_HOME, or copy it from another machine that uses this catalogue. If it is lost, "
        "run `reelmill audit seal --new-key`."
    )


def plain_secret(secret: SecretStr | None) -> str | None:
    """Return the value of a secret setting."""
    return secret.get_secret_value() if secret else None


def _load_or_create(settings: Settings, name: str, length: int, *, as_text: bool = False) -> bytes:
    """Return random bytes that are created once per installation: its id, and its HMAC keys."""
    path = settings.home / name
    with open(open_without_links(settings.home / ".lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            created = secrets.token_hex(length).encode() if as_text else secrets.token_bytes(length)
            write_durably(path, created, mode=0o600)
        return path.read_bytes()
