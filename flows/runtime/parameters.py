"""Parameters of flows: overrides of settings, but no secrets, because Prefect stores and shows parameters."""

from typing import Any, get_args

from pydantic import SecretStr

from flows.provider_settings import PREFIX
from flows.runtime.logs import prepare_logs
from flows.settings import Settings, load_settings
from manifests.errors import SettingsError

SECRET = frozenset(
    {"catalogue_url", "providers"}
    | {
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }
)


def checked_overrides(settings: dict[str, Any] | None) -> dict[str, Any]:
    """Return the setting overrides of a flow.

    Raises:
        SettingsError: an override is a secret.
    """
    overrides = settings or {}
    if secret := SECRET & overrides.keys():
        variable = f"{PREFIX}<NAME>_KEY" if min(secret) == "providers" else f"REELMILL_{min(secret).upper()}"
        raise SettingsError(
            f"The setting {min(secret)!r} is secret, but Prefect stores parameters in its database. Delete this flow "
            f"run, replace the secret, and set {variable} where flows run."
        )
    return overrides


def settings_given(settings: dict[str, Any] | None) -> Settings:
    """Return the settings with the overrides of a flow, and redact their secrets in logs and alerts of this process.

    Raises:
        SettingsError: an override is a secret or invalid.
    """
    loaded = load_settings(**checked_overrides(settings))
    prepare_logs(loaded)  # needed again, because importing Prefect sets its own handlers
    return loaded
