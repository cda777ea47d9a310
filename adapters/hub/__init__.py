"""Downloads from the Hugging Face hub into its cache: resumable, of pinned revisions, checked against their hashes."""

from adapters.hub.cache import HubCache
from adapters.hub.download import Downloader
from adapters.hub.errors import HubError
from adapters.hub.hub_file import HubFile, Snapshot
from adapters.hub.listing import list_files, read_file
from adapters.hub.online import online

__all__ = ["Downloader", "HubCache", "HubError", "HubFile", "Snapshot", "list_files", "online", "read_file"]
