"""What the doctor looks at under these settings."""

import os
from urllib.parse import urlsplit

from pydantic import SecretStr

from flows.prefect.schedules import check_night, check_watched, cron
from flows.runtime.fan_out import check_fan_out
from flows.runtime.resources import resources_of
from flows.settings import Settings
from tasks.doctor.check import OK, WARN, Check, Finding
from tasks.doctor.clock import check_clock
from tasks.doctor.program import check_devices, check_versions, check_weights
from tasks.doctor.servers import RAY_S, check_prefect, check_ray, check_webhook
from tasks.doctor.signing import check_signer
from tasks.doctor.stores import check_bucket, check_database, check_disk
from tasks.runtime.redaction import redact
from tasks.runtime.resources import card_of

IMPORT_S = 60.0
"""Torch's first import from a slow disk takes half a minute."""


def checks_of(settings: Settings) -> dict[str, Check]:
    """Return the checks by name; secrets of the settings are taken out of whatever they say."""
    redact.learn(_secrets(settings))
    resources, on_ray = resources_of(settings), settings.runner == "ray"
    webhook = settings.alert_webhook.get_secret_value() if settings.alert_webhook else ""
    checks = {
        "settings": Check(lambda: _check_settings(settings)),
        "schedules": Check(lambda: _check_schedules(settings), IMPORT_S),
        "versions": Check(lambda: check_versions(("ray",) if on_ray else ())),
        "devices": Check(lambda: check_devices(() if on_ray else resources.devices), IMPORT_S),
        "weights": Check(lambda: check_weights(resources, settings.model, here=not on_ray)),
        "bucket": Check(lambda: check_bucket(resources.bucket, resources.catalogue_url)),
        "database": Check(lambda: check_database(resources.catalogue_url)),
        "signer": Check(lambda: check_signer(resources), IMPORT_S),
        "clock": Check(lambda: check_clock(resources.catalogue_url, resources.bucket)),
        "disk": Check(lambda: check_disk(settings.home)),
        "prefect": Check(
            lambda: check_prefect(
                os.environ.get("PREFECT_API_URL", ""),
                os.environ.get("PREFECT_API_AUTH_STRING", ""),
                os.environ.get("PREFECT_API_KEY", ""),
            )
        ),
        "webhook": Check(lambda: check_webhook(webhook)),
    }
    if on_ray:
        checks["ray"] = Check(
            lambda: check_ray(settings.ray_address, card_of(resources, settings.model), settings.ray_autoscales),
            RAY_S + 5,
        )
    return checks


def _check_settings(settings: Settings) -> Finding:
    """Look whether runner, catalogue, bucket and staging go together."""
    check_fan_out(settings)
    kept = "PostgreSQL" if settings.catalogue_url.startswith("postgres") else "SQLite"
    where = "S3" if settings.bucket.startswith("s3://") else "a folder"
    told = f"Runner {settings.runner}, catalogue in {kept}, bucket in {where}; home is {settings.home}."
    if settings.ray_address and settings.runner == "threads":
        return Finding(
            WARN,
            f"{told} REELMILL_RAY_ADDRESS names {settings.ray_address}, and nothing is sent there.",
            "Set REELMILL_RUNNER to ray, or unset REELMILL_RAY_ADDRESS.",
        )
    return Finding(OK, told)


def _check_schedules(settings: Settings) -> Finding:
    """Look whether that which runs by itself could begin: it would first be seen at night."""
    sweep, told = cron(settings, "sweep_cron"), []
    if settings.stock:
        stock = cron(settings, "stock_cron")
        if unknown := check_night(settings):
            return Finding(WARN, f"The stock sheet could not be looked at: {unknown}", "See to the bucket first.")
        told.append(f"stock at {stock.cron!r}")
    if settings.watch:
        check_watched(settings)
    told += [f"sweep at {sweep.cron!r}, in {settings.timezone}", f"watched: {settings.watch or 'nothing'}"]
    sentence = "; ".join(told)
    return Finding(OK, f"{sentence[0].upper()}{sentence[1:]}.")


def _secrets(settings: Settings) -> list[str]:
    values = [getattr(settings, name) for name in type(settings).model_fields]
    found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    named = [os.environ.get(name, "") for name in ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY")]
    return [each for each in (*found, *named, urlsplit(settings.catalogue_url).password or "") if each]
