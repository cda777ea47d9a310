"""Download the files of a plan."""

from collections.abc import Callable

from adapters.hub import Downloader
from models.weights import is_intact_blob
from tasks.pull.pull_plan import PullPlan


def pull(plan: PullPlan, report: Callable[[int], None] = lambda _: None) -> None:
    """Download what is missing or damaged; files that are complete are only read, to compare them with their hashes.

    Args:
        report: called with the number of new bytes, from several threads.

    Raises:
        DiskFullError: the disk has no room for all files; nothing is downloaded then.
        HubError: the hub refuses or does not answer. A new call continues where this one ended.
    """
    plan.cache.check_space(plan.missing_bytes)
    downloader = Downloader(plan.cache, is_intact_blob, report)
    for snapshot in plan.snapshots:
        downloader.download(snapshot)
