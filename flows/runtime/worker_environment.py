"""The environment that the workers of a run's own Ray cluster inherit: a list, so that no new secret is included."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from adapters.child_environment import is_needed_to_compute, is_secret
from flows.runtime.fan_out import shares_staging
from flows.settings import Settings
from tasks.runtime.resources import pause_opening

_SETTINGS = ("HOME", "DEVICE", "THREADS", "WEIGHTS_ROOT", "MODEL_FOLDERS", "LOG_FORMAT")
"""Settings that workers read; the driver sends the others."""
_NAMES = frozenset(f"REELMILL_{name}" for name in _SETTINGS)
_GROUPS = re.compile(r"RAY_|__RAY_|PREFECT_|PG|AWS_")
"""Beginnings of names: Ray, Prefect's client, libpq and AWS, in addition to what a child needs to compute."""
_PASSWORD = re.compile(r"[^:]+://[^:/@]*:[^/]*@")
_NEEDED = frozenset({"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"})
"""Secrets that every worker needs: it connects to the cluster and to Prefect's server."""


def inherited_by_workers(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that workers inherit.

    A renderer needs the catalogue, and with shared staging the bucket. If the driver's settings do not contain the
    credentials, libpq or boto3 read them from the environment, so workers need them too.
    """
    needed = [name for name in environment if is_needed_to_compute(name) or name in _NAMES or _GROUPS.match(name)]
    return {
        name: environment[name]
        for name in needed
        if not is_secret(name) or name in _NEEDED or _gives_access(name, settings)
    }


@contextmanager
def worker_environment(settings: Settings) -> Iterator[None]:
    """Start a cluster in this block: Ray's processes inherit the environment of this one.

    Meanwhile, other threads open no bucket and no signer, because boto3 would not find its credentials.
    """
    with pause_opening():
        kept = inherited_by_workers(settings, os.environ)
        hidden = {name: value for name, value in os.environ.items() if name not in kept}
        for name in hidden:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(hidden)


def _gives_access(name: str, settings: Settings) -> bool:
    """Return whether a secret variable is the only source of a credential that a renderer needs."""
    if name == "PGPASSWORD":
        url = settings.catalogue_url
        return url.startswith(("postgresql", "postgres:")) and not _PASSWORD.match(url)
    return name.startswith("AWS_") and shares_staging(settings) and settings.bucket_access_key is None
