"""Downloads of files that other people name by URL, through a guard against server-side request forgery."""

from adapters.web.addresses import is_public
from adapters.web.guarded_fetch import Fetched, FetchError, GuardedFetcher

__all__ = ["FetchError", "Fetched", "GuardedFetcher", "is_public"]
