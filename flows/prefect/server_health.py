"""Check whether a Prefect server responds."""

import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit


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
        with urllib.request.urlopen(url, timeout=timeout_s):  # noqa: S310 - the operator's own server
            return True
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code in (401, 403)
    except (OSError, ValueError, HTTPException):
        return False
