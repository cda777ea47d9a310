"""Whether Prefect's server answers, for whoever waits for it."""

import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit


def without_password(url: str) -> str:
    """Return a URL without the user and the password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def health_of(url: str) -> str:
    """Return what answers while a server works, by its PREFECT_API_URL."""
    return f"{without_password(url).rstrip('/')}/health"


def answers(url: str, timeout_s: float = 5.0) -> bool:
    """True where something works at a URL, if only to tell who may look."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s):  # noqa: S310 - the operator's own server
            return True
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code in (401, 403)
    except (OSError, ValueError, HTTPException):
        return False
