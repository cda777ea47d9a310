"""Settings of accounts at providers, and the environment variables that set them."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from manifests.errors import SettingsError

PREFIX = "REELMILL_PROVIDER_"
NAME = r"[a-z][a-z0-9_]*"
TWO_KEYS = "two_keys"
"""Type of the validation error if a key is set twice."""


class ProviderSettings(BaseModel):
    """The account at one provider, by the provider's name in the model cards.

    Attributes:
        key: the key, or the secret that belongs to ``client_id``.
        key_file: file that contains only the key, such as a mounted secret.
        url: address of the API instead of the one in the cards: that of another server, or another region.
        client_id, project, location, bucket: fields that some providers need in addition to the key; not secret.
        concurrency: jobs at a time, instead of the card's number.
        per_minute, per_day: submissions in any 60 seconds and in any 24 hours, instead of the card's numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    OTHER_FIELDS: ClassVar[tuple[str, ...]] = ("client_id", "project", "location", "bucket")

    key: SecretStr | None = None
    key_file: Path | None = None
    url: str = ""
    client_id: str = ""
    project: str = ""
    location: str = ""
    bucket: str = ""
    concurrency: int | None = Field(None, gt=0)
    per_minute: int | None = Field(None, gt=0)
    per_day: int | None = Field(None, gt=0)

    @field_validator("key", mode="after")
    @classmethod
    def _strip(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value().strip() if key else ""
        return SecretStr(text) if text else None

    @field_validator("key_file")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        """Refuse addresses with a password or a query, which could not be shown in messages."""
        try:
            parts = urlsplit(url.strip())
            is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_usable = False
        if url.strip() and (not is_usable or "@" in parts.netloc or parts.query or parts.fragment):
            raise PydanticCustomError(
                "address", "it must be an address such as https://api.example/v1, without a user, a query and a '#'"
            )
        return url.strip().rstrip("/")

    @model_validator(mode="after")
    def _has_one_key(self) -> "ProviderSettings":
        if self.key and self.key_file:
            raise PydanticCustomError(TWO_KEYS, "set either key or key_file, not both")
        return self


FIELDS = tuple(ProviderSettings.model_fields)


def check_name(name: str) -> None:
    """Check the name of a provider; raises a validation error of pydantic."""
    if not re.fullmatch(NAME, name):
        raise PydanticCustomError(
            "provider", "{name} is not the name of a provider, which has only a-z, 0-9 and _", {"name": repr(name)}
        )


def providers_in(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what variables such as REELMILL_PROVIDER_RUNWAY_KEY set, by provider and field; empty ones are ignored.

    A key in the environment replaces a key file in reelmill.toml, and the other way round.

    Raises:
        SettingsError: the end of a variable's name is not a field; names the variable and the nearest field.
    """
    found: dict[str, dict[str, Any]] = {}
    for variable, value in sorted(environment.items()):
        if value.strip() and variable.upper().startswith(PREFIX):
            provider, field = _parts_of(variable)
            found.setdefault(provider, {})[field] = value
    for fields in found.values():
        for one, other in (("key", "key_file"), ("key_file", "key")):
            if one in fields:
                fields.setdefault(other, None)
    return found


def without_accounts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the accounts of providers, for a child that submits no jobs."""
    return {name: value for name, value in environment.items() if not name.upper().startswith(PREFIX[:-1])}


def _parts_of(variable: str) -> tuple[str, str]:
    """Return the provider and the field that a variable names."""
    rest = variable.upper().removeprefix(PREFIX).lower()
    for field in sorted(FIELDS, key=len, reverse=True):
        provider = rest.removesuffix(f"_{field}")
        if provider != rest and re.fullmatch(NAME, provider):
            return provider, field
    raise SettingsError(f"Unknown variable {variable}. {_advice(rest)}")


def _advice(rest: str) -> str:
    if near := _nearest_variable(rest):
        return f"Did you mean {near}?"
    fields = ", ".join(f"_{field.upper()}" for field in FIELDS)
    return f"After {PREFIX} follow the name of a provider and one of {fields}."


def _nearest_variable(rest: str) -> str:
    """Return the variable that a mistyped one may mean; empty if none is similar."""
    words = rest.split("_")
    known = [f"{'_'.join(words[:count])}_{field}" for count in range(1, len(words)) for field in FIELDS]
    near = difflib.get_close_matches(rest, [each for each in known if not each.startswith("_")], n=1, cutoff=0.8)
    return f"{PREFIX}{near[0].upper()}" if near else ""
