"""Errors of the hub as sentences: what is wrong, and how to fix it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError

from adapters.proxies import proxy_of
from manifests.errors import ModelError

AGAIN = "Run the command again to resume; what was downloaded is kept."
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY, SERVER = 401, 403, 404, 429, 500


class HubError(ModelError):
    """The hub cannot be used."""


@contextmanager
def hub_errors(hub_id: str, revision: str) -> Iterator[None]:
    """Raise the errors of the hub's client as HubError.

    Args:
        hub_id: the repository that is used.
        revision: its commit.
    """
    try:
        yield
    except HfHubHTTPError as error:
        raise HubError(_refused(error, hub_id, revision)) from error
    except httpx2.HTTPError as error:
        raise HubError(_unreachable(error)) from error
    except UnicodeEncodeError as error:  # in a header
        raise HubError("HF_TOKEN contains invalid characters. Copy the token again.") from error


def _refused(error: HfHubHTTPError, hub_id: str, revision: str) -> str:
    """Return the sentence for an error that the hub answered; the client knows some of them only for HTTPS."""
    status, code = error.response.status_code, error.response.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        return (
            f"{hub_id} is gated ({status}). Accept its terms at {constants.ENDPOINT}/{hub_id}, set HF_TOKEN to a token "
            "of the same account, then run the command again."
        )
    if code == "RevisionNotFound":
        return (
            f"{hub_id} has no revision {revision} ({status}). Correct revision in the card; "
            f"{constants.ENDPOINT}/{hub_id}/commits/main lists the commits."
        )
    if code == "EntryNotFound":
        return f"{hub_id} has no such file at the revision {revision} ({status}). Run the command again."
    if status in (UNAUTHORIZED, NOT_FOUND) or code == "RepoNotFound":
        return _without_access(status, hub_id)
    if status == TOO_MANY:
        return (
            f"The hub limits the number of requests ({status}). Wait a few minutes, or set HF_TOKEN for a higher "
            f"limit. {AGAIN}"
        )
    if status >= SERVER:
        return f"The hub returned a server error ({status}). Wait a few minutes. {AGAIN}"
    why = f": {_one_line(error.server_message)}" if error.server_message else ""
    if status == FORBIDDEN:
        return f"The hub refuses access to {hub_id} ({status}){why}. Set HF_TOKEN to a token that may read it."
    return f"The hub rejected a request for {hub_id} ({status}){why}. Check hub_id and revision in the card."


def _without_access(status: int, hub_id: str) -> str:
    if get_token():
        return (
            f"The hub has no repository {hub_id} for this token ({status}). Check that HF_TOKEN is valid and may read "
            f"the repository, at {constants.ENDPOINT}/settings/tokens, and check hub_id in the card."
        )
    return (
        f"The hub has no public repository {hub_id} ({status}). If it is private, set HF_TOKEN to a token that may "
        "read it; otherwise, correct hub_id in the card."
    )


def _unreachable(error: Exception) -> str:
    proxy = proxy_of(constants.ENDPOINT)
    through = f" through the proxy {proxy}" if proxy else ""
    what = _one_line(str(error)) or type(error).__name__
    return f"{constants.ENDPOINT} cannot be reached{through} ({what}). Check the network. {AGAIN}"


def _one_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0].rstrip(".")
