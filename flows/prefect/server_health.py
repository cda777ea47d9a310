"""Check whether a Prefect server responds."""

import urllib.error
from http.client import HTTPException
from urllib.parse import urlsplit

from adapters.proxies import open_url


def without_password(url: str) -> str:
    """Return a URL without its user name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def health_of(url: str) -> str:
    """Return the health check URL of a server, from its PREFECT_API_URL."""
    return f"{without_password(url).rstrip('/')}/health"


def is_reachable(url: str, timeout_s: float = 5.0) -> bool:
    """Return whether a URL responds successfully, or with 401 or 403."""
    try:
        with open_url(url, timeout_s):
            return True
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code in (401, 403)
    except (OSError, ValueError, HTTPException):
        return False
