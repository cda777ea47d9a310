"""Where shards run, as the settings say it: on this machine's devices, or on those of a Ray cluster."""

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

from flows.settings import Settings
from manifests.errors import SettingsError


def check_fan_out(settings: Settings) -> None:
    """Refuse what cannot work: a Ray cluster of many hosts over what only one host can see.

    Raises:
        SettingsError: says which setting to change.
    """
    if settings.runner == "threads" or not spans_hosts(settings):
        return
    cluster = f"The Ray cluster {settings.ray_address} may span hosts"
    if not settings.catalogue_url.startswith(("postgresql", "postgres:")):
        raise SettingsError(
            f"{cluster}, and an SQLite catalogue is a file on one of them; let REELMILL_CATALOGUE_URL "
            "name a PostgreSQL database."
        )
    if not settings.bucket.startswith("s3://"):
        raise SettingsError(
            f"{cluster}, and a folder as the bucket lies on one of them; let REELMILL_BUCKET name an "
            "S3 bucket, such as s3://clips/autumn."
        )
    if settings.staging == "local":
        raise SettingsError(
            f"{cluster}, and masters staged on one of them are not found by the others; set "
            "REELMILL_STAGING to bucket or auto."
        )
    if is_loopback(os.environ.get("PREFECT_API_URL", "")):
        raise SettingsError(
            f"{cluster}, and its workers report to a Prefect server that all of them can reach; let "
            "PREFECT_API_URL name one."
        )


def spans_hosts(settings: Settings) -> bool:
    """True where other hosts can be part of the Ray cluster: its head listens on more than loopback."""
    if settings.runner != "ray" or not settings.ray_address:
        return False
    return not is_loopback(settings.ray_address)


def is_loopback(address: str) -> bool:
    """True where a URL or host:port is reached from its own host alone, or is empty."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or "localhost"
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shares_staging(settings: Settings) -> bool:
    """True where masters wait in the bucket."""
    return settings.staging == "bucket" or (settings.staging == "auto" and spans_hosts(settings))


def pool_of(settings: Settings, machine: str) -> str:
    """Return what runs share devices in: they take turns there and nowhere else."""
    return f"ray:{settings.ray_address or machine}" if settings.runner == "ray" else f"threads:{machine}"
