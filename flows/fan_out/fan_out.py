"""Where shards run according to the settings: on the devices of this machine or of a Ray cluster."""

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

from flows.settings import Settings
from manifests.errors import SettingsError


def check_fan_out(settings: Settings) -> None:
    """Check that all hosts of a Ray cluster can reach catalogue, bucket, staging and Prefect server.

    Raises:
        SettingsError: a setting works on one host only.
    """
    if settings.runner == "threads" or not spans_hosts(settings):
        return
    cluster = f"The Ray cluster {settings.ray_address} may span several hosts"
    if not settings.catalogue_url.startswith(("postgresql", "postgres:")):
        raise SettingsError(
            f"{cluster}, but an SQLite catalogue is a file on one of them. Set REELMILL_CATALOGUE_URL to a PostgreSQL "
            "database."
        )
    if not settings.bucket.startswith("s3://"):
        raise SettingsError(
            f"{cluster}, but the bucket is a folder on one of them. Set REELMILL_BUCKET to an S3 bucket, such as "
            "s3://clips/autumn."
        )
    if settings.staging == "local":
        raise SettingsError(
            f"{cluster}, but locally staged masters are only available on one of them. Set REELMILL_STAGING to bucket "
            "or auto."
        )
    if is_loopback(os.environ.get("PREFECT_API_URL", "")):
        raise SettingsError(
            f"{cluster}, but PREFECT_API_URL does not name a Prefect server that all of them can reach. Set it to such "
            "a server."
        )


def spans_hosts(settings: Settings) -> bool:
    """Return whether other hosts can be part of the Ray cluster: its head is not on loopback."""
    if settings.runner != "ray" or not settings.ray_address:
        return False
    return not is_loopback(settings.ray_address)


def is_loopback(address: str) -> bool:
    """Return whether a URL or host:port is empty or a loopback address."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or "localhost"
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shares_staging(settings: Settings) -> bool:
    """Return whether masters are staged in the bucket."""
    return settings.staging == "bucket" or (settings.staging == "auto" and spans_hosts(settings))


def pool_of(settings: Settings, machine: str) -> str:
    """Return the name of the device pool; runs of the same pool take turns."""
    return f"ray:{settings.ray_address or machine}" if settings.runner == "ray" else f"threads:{machine}"
