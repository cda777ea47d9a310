"""What a repository contains at a revision."""

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

from adapters.hub.errors import HubError, hub_errors
from adapters.hub.hub_file import HubFile

TIMEOUT_S = 30.0
MAX_FILES = 20_000
"""A listing is read to its end; the largest repositories of models have a few hundred files."""
MAX_BYTES = 4_000_000


def list_files(hub_id: str, revision: str) -> tuple[HubFile, ...]:
    """Return all files of a repository.

    Raises:
        HubError: the repository or the revision does not exist or cannot be read, or the hub does not answer.
    """
    found: list[HubFile] = []
    with hub_errors(hub_id, revision):
        try:
            for entry in HfApi().list_repo_tree(hub_id, recursive=True, revision=revision):
                if isinstance(entry, RepoFile):
                    found.append(HubFile.of(entry, hub_id))
                if len(found) > MAX_FILES:
                    raise HubError(f"{hub_id} lists more than {MAX_FILES:,} files. Use the repository of one model.")
        except (HfHubHTTPError, UnicodeEncodeError):  # some of them are ValueErrors too
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HubError(
                f"The answer for {hub_id} is not a list of files. Check HF_ENDPOINT and the proxy: a server between "
                "this machine and the hub may have answered."
            ) from error
    return tuple(found)


def read_file(hub_id: str, revision: str, name: str) -> bytes:
    """Return the content of a small file, such as ``model_index.json``.

    Raises:
        HubError: it cannot be read, or has more than MAX_BYTES.
    """
    with hub_errors(hub_id, revision):
        url = hf_hub_url(hub_id, name, revision=revision)
        response = http_backoff("GET", url, headers=build_hf_headers(), timeout=TIMEOUT_S)
        hf_raise_for_status(response)
    if len(response.content) > MAX_BYTES:
        raise HubError(f"{name} of {hub_id} has more than {MAX_BYTES / 1e6:.0f} MB. Use another repository.")
    return response.content
