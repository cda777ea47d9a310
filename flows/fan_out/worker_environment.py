"""The environment that the workers of a run's own Ray cluster inherit: a list, so that no new secret is included."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from adapters.child_environment import has_user_in_url, is_needed_to_compute, is_secret
from flows.fan_out.fan_out import is_loopback, shares_staging
from flows.settings import Settings
from tasks.runtime.resources import pause_opening

_SETTINGS = ("HOME", "DEVICE", "THREADS", "WEIGHTS_ROOT", "MODEL_FOLDERS", "LOG_FORMAT")
"""Settings that workers read; the driver sends the others."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PROXY_NAMES = frozenset({*_PROXIES, *map(str.lower, _PROXIES)})
_LIBPQ = (
    "APPNAME", "CHANNELBINDING", "CLIENTENCODING", "CONNECT_TIMEOUT", "DATABASE", "DATESTYLE", "GEQO", "GSSDELEGATION",
    "GSSENCMODE", "GSSLIB", "HOST", "HOSTADDR", "KRBSRVNAME", "LOADBALANCEHOSTS", "LOCALEDIR", "MAXPROTOCOLVERSION",
    "MINPROTOCOLVERSION", "OPTIONS", "PASSFILE", "PORT", "REQUIREAUTH", "REQUIREPEER", "SERVICE", "SERVICEFILE",
    "SSLCERT", "SSLCERTMODE", "SSLCOMPRESSION", "SSLCRL", "SSLCRLDIR", "SSLKEY", "SSLMAXPROTOCOLVERSION",
    "SSLMINPROTOCOLVERSION", "SSLMODE", "SSLNEGOTIATION", "SSLROOTCERT", "SSLSNI", "SYSCONFDIR", "TARGETSESSIONATTRS",
    "TZ", "USER",
)  # fmt: skip
_AWS = (
    "ACCOUNT_ID_ENDPOINT_MODE", "CA_BUNDLE", "CONFIG_FILE", "DEFAULTS_MODE", "DEFAULT_PROFILE", "DEFAULT_REGION",
    "DISABLE_REQUEST_COMPRESSION", "EC2_METADATA_DISABLED", "EC2_METADATA_SERVICE_ENDPOINT",
    "EC2_METADATA_SERVICE_ENDPOINT_MODE", "EC2_METADATA_V1_DISABLED", "ENDPOINT_URL", "ENDPOINT_URL_S3",
    "ENDPOINT_URL_STS", "IGNORE_CONFIGURED_ENDPOINT_URLS", "MAX_ATTEMPTS", "METADATA_SERVICE_NUM_ATTEMPTS",
    "METADATA_SERVICE_TIMEOUT", "PROFILE", "REGION", "REQUEST_CHECKSUM_CALCULATION",
    "REQUEST_MIN_COMPRESSION_SIZE_BYTES", "RESPONSE_CHECKSUM_VALIDATION", "RETRY_MODE", "ROLE_ARN",
    "ROLE_SESSION_NAME", "S3_US_EAST_1_REGIONAL_ENDPOINT", "STS_REGIONAL_ENDPOINTS", "USE_DUALSTACK_ENDPOINT",
    "USE_FIPS_ENDPOINT",
)  # fmt: skip
_AWS_CREDENTIALS = frozenset(
    f"AWS_{name}"
    for name in (
        "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "SECURITY_TOKEN", "SHARED_CREDENTIALS_FILE",
        "WEB_IDENTITY_TOKEN_FILE", "CONTAINER_AUTHORIZATION_TOKEN", "CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "CONTAINER_CREDENTIALS_FULL_URI", "CONTAINER_CREDENTIALS_RELATIVE_URI",
    )
)  # fmt: skip
_PREFECT = (
    "API_ENABLE_HTTP2", "API_REQUEST_TIMEOUT", "API_SSL_CERT_FILE", "API_TLS_INSECURE_SKIP_VERIFY", "DEBUG_MODE",
    "HOME", "PROFILE", "PROFILES_PATH", "SERVER_ALLOW_EPHEMERAL_MODE", "SERVER_ANALYTICS_ENABLED",
    "SERVER_LOGGING_LEVEL", "SILENCE_API_URL_MISCONFIGURATION", "TEST_MODE",
)  # fmt: skip
_NAMES = frozenset(
    {
        *_PROXY_NAMES,
        *(f"REELMILL_{name}" for name in _SETTINGS),
        *(f"PG{name}" for name in _LIBPQ),
        *(f"AWS_{name}" for name in _AWS),
        *(f"PREFECT_{name}" for name in _PREFECT),
    }
)
_GROUPS = re.compile(
    r"(?:RAY|__RAY|PREFECT_CLIENT|PREFECT_LOGGING|PREFECT_RESULTS|PREFECT_TASKS|PREFECT_FLOWS|PREFECT_INTERNAL)_\w+"
)
"""Prefixes with too many settings for a list: Ray and Prefect's client."""
_PASSWORD = re.compile(r"[^:]+://[^:/@]*:[^/]*@")
_NEEDED = frozenset(
    {
        *("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"),
        *("RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT"),
        *("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_CLIENT_CUSTOM_HEADERS"),
    }
)
"""What every worker needs, secret or not: it connects to the cluster, whose keys are files, and to Prefect's server."""


def inherited_by_workers(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that workers inherit.

    A renderer needs the catalogue, and with shared staging the bucket. If the driver's settings do not contain the
    credentials, libpq or boto3 read them from the environment, so workers need them too.
    """
    return {name: value for name, value in environment.items() if _is_inherited(name, value, settings, environment)}


def _is_inherited(name: str, value: str, settings: Settings, environment: Mapping[str, str]) -> bool:
    if name in _NEEDED or _gives_access(name, settings):
        return True
    if has_user_in_url(value):
        return name in _PROXY_NAMES and _uses_proxies(settings, environment)
    if is_needed_to_compute(name) or name in _NAMES:
        return True
    return bool(_GROUPS.fullmatch(name)) and not is_secret(name)


def _uses_proxies(settings: Settings, environment: Mapping[str, str]) -> bool:
    """Return whether workers connect to a bucket, or to a server of Prefect that is not on this machine."""
    return shares_staging(settings) or not is_loopback(environment.get("PREFECT_API_URL", ""))


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
    return name in _AWS_CREDENTIALS and shares_staging(settings) and settings.bucket_access_key is None
