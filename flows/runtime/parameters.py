"""What flows are given: settings by name, and no secrets, since Prefect keeps and shows parameters."""

from typing import Any, get_args

from pydantic import SecretStr

from flows.runtime.logs import prepare_logs
from flows.settings import Settings, load_settings
from manifests.errors import SettingsError

SECRET = frozenset(
    {"catalogue_url"}
    | {
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }
)


def checked_overrides(settings: dict[str, Any] | None) -> dict[str, Any]:
    """Return a flow's overrides of settings.

    Raises:
        SettingsError: one of them is a secret.
    """
    overrides = settings or {}
    if secret := SECRET & overrides.keys():
        raise SettingsError(
            f"The setting {min(secret)!r} is secret, and parameters are kept in Prefect's database: "
            f"delete this flow run, change the secret, and set it as REELMILL_{min(secret).upper()} "
            "where flows run."
        )
    return overrides


def settings_given(settings: dict[str, Any] | None) -> Settings:
    """Return the settings with a flow's overrides, and let logs and alerts of this process keep their secrets.

    Raises:
        SettingsError: one is a secret, or is wrong.
    """
    loaded = load_settings(**checked_overrides(settings))
    prepare_logs(loaded)  # again: Prefect's import has set handlers of its own
    return loaded
