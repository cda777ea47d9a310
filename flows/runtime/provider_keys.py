"""Read the keys of providers from the settings and from files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flows.provider_settings import ProviderSettings
from flows.settings import Settings
from tasks.runtime.providers.provider_accounts import ProviderAccount

MOUNTED = (Path("/run/secrets"), Path("/var/run/secrets"))
"""Where Docker and Kubernetes mount secrets; their modes are fixed, and a container has no other users."""
MAX_BYTES = 64_000
"""Larger files are no keys; a service account of Google is a file of about 2,400 bytes."""


def provider_accounts(settings: Settings) -> tuple[ProviderAccount, ...]:
    """Return the accounts of the settings. A key that cannot be read is not an error until it is needed."""
    return tuple(_account_of(name, each) for name, each in sorted(settings.providers.items()))


def _account_of(name: str, settings: ProviderSettings) -> ProviderAccount:
    key, problem = _key_of(settings)
    other = {field: getattr(settings, field) for field in ProviderSettings.OTHER_FIELDS}
    return ProviderAccount(
        provider=name,
        key=key,
        url=settings.url,
        fields=tuple((field, value) for field, value in other.items() if value),
        concurrency=settings.concurrency,
        per_minute=settings.per_minute,
        per_day=settings.per_day,
        problem=problem,
        warning=_mode_warning(settings.key_file) if key and settings.key_file else "",
    )


def keys_of(settings: Settings) -> Iterator[str]:
    """Yield the keys of all providers, and parts of them that may appear separately in messages."""
    for account in provider_accounts(settings):
        yield from account.secrets


def _key_of(settings: ProviderSettings) -> tuple[str, str]:
    """Return the key, and why it could not be read."""
    if settings.key:
        return settings.key.get_secret_value(), ""
    return _read(settings.key_file) if settings.key_file else ("", "")


def _read(path: Path) -> tuple[str, str]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe could block forever
            return "", f"The key file {path} is not a regular file."
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        key = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return "", f"The key file {path} is not a text file in UTF-8."
    except OSError as error:
        return "", f"The key file {path} cannot be read: {error.strerror or type(error).__name__}."
    if len(content) > MAX_BYTES:
        return "", f"The key file {path} has more than {MAX_BYTES:,} bytes, so it is not a key."
    return key, "" if key else f"The key file {path} is empty."


def _mode_warning(path: Path) -> str:
    """Return that other users of this machine can read a key; empty if they cannot."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    is_open = bool(mode & (stat.S_IRGRP | stat.S_IROTH)) and os.name == "posix"
    if not is_open or any(path.is_relative_to(folder) for folder in MOUNTED):
        return ""
    return f"Other users of this machine can read the key file {path}. Run `chmod 600 {path}`."
