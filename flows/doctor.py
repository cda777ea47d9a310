"""The settings as the values that the checks of `reelmill doctor` need."""

import os
from functools import partial
from urllib.parse import urlsplit

from pydantic import SecretStr

from flows.fan_out.fan_out import check_fan_out
from flows.prefect.schedules import check_stock_run, check_watched, cron
from flows.runtime.provider_keys import keys_of
from flows.runtime.resources import resources_of
from flows.settings import Settings
from tasks.doctor.checks import DoctorConfig
from tasks.doctor.configuration import Schedules
from tasks.doctor.providers import usual_variables
from tasks.runtime.logs.redaction import redact


def doctor_config(settings: Settings) -> DoctorConfig:
    """Return the installation to check, and register the secrets of the settings for redaction."""
    redact.learn(_secrets(settings))
    return DoctorConfig(
        resources=resources_of(settings),
        home=settings.home,
        model=settings.model,
        profile=settings.profile,
        runner=settings.runner,
        ray_address=settings.ray_address,
        ray_autoscales=settings.ray_autoscales,
        check_fan_out=partial(check_fan_out, settings),
        schedules=Schedules(
            timezone=settings.timezone,
            watch=settings.watch,
            sweep_cron=lambda: cron(settings, "sweep_cron").cron,
            stock_cron=(lambda: cron(settings, "stock_cron").cron) if settings.stock else None,
            check_stock=partial(check_stock_run, settings),
            check_watch=partial(check_watched, settings),
        ),
        webhook=settings.alert_webhook.get_secret_value() if settings.alert_webhook else "",
        prefect_url=os.environ.get("PREFECT_API_URL", ""),
        prefect_auth=os.environ.get("PREFECT_API_AUTH_STRING", ""),
        prefect_key=os.environ.get("PREFECT_API_KEY", ""),
        oidc_issuer=settings.oidc_issuer,
        usual_variables=usual_variables(os.environ),
    )


def _secrets(settings: Settings) -> list[str]:
    values = [getattr(settings, name) for name in type(settings).model_fields]
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    prefect = [os.environ.get(name, "") for name in ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY")]
    return [
        each
        for each in (*secrets, *keys_of(settings), *prefect, urlsplit(settings.catalogue_url).password or "")
        if each
    ]
