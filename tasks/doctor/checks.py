"""The list of all checks, built from plain values and callables that the flows layer provides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adapters.bucket import LocalBucket, open_bucket
from manifests.errors import ModelError
from tasks.doctor.check import FAIL, Check, Finding
from tasks.doctor.clock import check_clock
from tasks.doctor.configuration import Schedules, check_schedules, check_settings
from tasks.doctor.packages import check_packages
from tasks.doctor.program import check_devices, check_memory, check_versions, check_weights
from tasks.doctor.providers import provider_checks
from tasks.doctor.proxies import check_proxies, services_of
from tasks.doctor.servers import RAY_S, check_prefect, check_ray, check_webhook
from tasks.doctor.signing import check_signer
from tasks.doctor.stores import check_audit_key, check_bucket, check_database, check_disk
from tasks.doctor.text_engine import check_text
from tasks.doctor.voices import check_voices
from tasks.runtime.resources import BucketConfig, Resources, card_of, cards_of

CARDS = "model cards"
"""Name of the check of the card files."""
IMPORT_S = 60.0
"""The first import of torch from a slow disk takes half a minute."""


@dataclass(frozen=True, slots=True)
class DoctorConfig:
    """The installation to check.

    Attributes:
        model: name of the default model card.
        check_fan_out: raises SettingsError if the settings do not allow the configured Ray cluster.
        webhook: URL that alerts are posted to; empty if there is none.
        prefect_url, prefect_auth, prefect_key: PREFECT_API_URL, PREFECT_API_AUTH_STRING and PREFECT_API_KEY.
        oidc_issuer: URL of the sign-in provider; empty if there is none.
        usual_variables: names of variables that are set, and that programs of providers read.
    """

    resources: Resources
    home: Path
    model: str
    profile: str
    runner: str
    ray_address: str
    ray_autoscales: bool
    check_fan_out: Callable[[], None]
    schedules: Schedules
    webhook: str = field(default="", repr=False)
    prefect_url: str = field(default="", repr=False)
    prefect_auth: str = field(default="", repr=False)
    prefect_key: str = field(default="", repr=False)
    oidc_issuer: str = ""
    usual_variables: frozenset[str] = frozenset()


def checks_of(config: DoctorConfig) -> dict[str, Check]:
    """Return the checks by name."""
    resources, on_ray = config.resources, config.runner == "ray"
    cards = _card_checks(config)
    checks = {
        "settings": Check(
            lambda: check_settings(resources, config.home, config.runner, config.ray_address, config.check_fan_out)
        ),
        "schedules": Check(lambda: check_schedules(config.schedules), IMPORT_S),
        "versions": Check(lambda: check_versions(("ray",) if on_ray else ())),
        "packages": Check(check_packages),
        "text": Check(check_text),
        "devices": Check(lambda: check_devices(() if on_ray else resources.devices), IMPORT_S),
        **cards,
        "voices": Check(lambda: check_voices(resources)),
        "bucket": Check(lambda: check_bucket(resources.bucket, resources.catalogue_url)),
        "database": Check(
            lambda: check_database(resources.catalogue_url, resources.staging, resources.sealed_catalogues)
        ),
        "audit": Check(lambda: check_audit_key(resources)),
        "signer": Check(lambda: check_signer(resources), IMPORT_S),
        "clock": Check(lambda: check_clock(resources.catalogue_url, resources.bucket)),
        "disk": Check(lambda: check_disk(config.home, bucket=_folder_of(resources.bucket))),
        "proxies": Check(
            lambda: check_proxies(services_of(resources, config.webhook, config.prefect_url, config.oidc_issuer))
        ),
        "prefect": Check(lambda: check_prefect(config.prefect_url, config.prefect_auth, config.prefect_key)),
        "webhook": Check(lambda: check_webhook(config.webhook)),
        **({} if CARDS in cards else provider_checks(resources, config.model, config.usual_variables)),
    }
    if on_ray and CARDS not in cards:
        checks["ray"] = Check(
            lambda: check_ray(config.ray_address, card_of(resources, config.model), config.ray_autoscales), RAY_S + 5
        )
    return checks


def _card_checks(config: DoctorConfig) -> dict[str, Check]:
    """Return the checks of the default model. If a card is invalid, that is the only one: the others need all cards."""
    resources, here = config.resources, config.runner != "ray"
    try:
        cards_of(resources)
    except ModelError as error:
        return {CARDS: Check(partial(Finding, FAIL, str(error)))}
    return {
        "weights": Check(lambda: check_weights(resources, config.model, here, config.profile)),
        "memory": Check(lambda: check_memory(resources, config.model, here, config.profile), IMPORT_S),
    }


def _folder_of(place: BucketConfig) -> Path | None:
    bucket = open_bucket(place.location) if not place.location.lower().startswith("s3://") else None
    return bucket.folder if isinstance(bucket, LocalBucket) else None
