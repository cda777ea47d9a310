"""Errors of the Prefect server as sentences for people."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import ObjectNotFound, PrefectException

from manifests.errors import ReelmillError


@contextmanager
def server_errors(deployment: str) -> Iterator[None]:
    """Translate the errors of requests about a deployment.

    Raises:
        ReelmillError: the server does not respond, or does not have the deployment.
    """
    try:
        yield
    except ObjectNotFound as error:
        raise ReelmillError(
            f"The Prefect server has no deployment {deployment}. Keep `reelmill up` running, or deploy it with "
            "`python -m flows.prefect.deployments --deploy`."
        ) from error
    except (httpx.HTTPError, PrefectException, OSError) as error:
        raise ReelmillError(
            f"The Prefect server does not respond ({type(error).__name__}). Check that it is running."
        ) from error
