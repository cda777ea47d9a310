"""Download the files of a snapshot. An interrupted file is resumed.

The client's own download starts a file again after an interruption, and Xet transfers cannot be continued either. So
this requests plain files with ranges, through the client's session, which has its token, proxies and offline mode.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

import httpx2
from huggingface_hub import constants, hf_hub_url
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

from adapters.files.durable import sync_folder
from adapters.hub.cache import HubCache
from adapters.hub.errors import AGAIN, HubError, hub_errors
from adapters.hub.hub_file import HubFile, Snapshot
from manifests.errors import DiskFullError
from manifests.system_errors import DISK_FULL

AT_ONCE = 4
"""Files that are downloaded at the same time."""
BUFFER = 2**20
FAILURES = 5
"""Repetitions in a row that bring nothing new, after which a file is given up."""
LONGEST_WAIT_S = 8.0
PARTIAL_CONTENT, UNSATISFIABLE = 206, 416
BROKEN = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)


class Downloader:
    """Downloads snapshots to a cache.

    Args:
        is_intact: returns whether a complete file has the content that its name in the cache stands for.
        report: called with the number of new bytes, from several threads; negative if bytes must be fetched again.
        wait_s: seconds before a broken connection is repeated; twice as long after each further failure.
    """

    def __init__(
        self,
        cache: HubCache,
        is_intact: Callable[[Path], bool],
        report: Callable[[int], None] = lambda _: None,
        wait_s: float = 1.0,
    ) -> None:
        self._cache = cache
        self._is_intact = is_intact
        self._report = report
        self._wait_s = wait_s
        self._stopped = threading.Event()

    def download(self, snapshot: Snapshot) -> None:
        """Download what is missing or damaged of a snapshot, then create its folder.

        Raises:
            HubError: the hub refuses, does not answer, or sends other content than it has listed.
            DiskFullError: the disk is full. What has been downloaded is kept, as after every error.
        """
        with self._cache.locked(snapshot.hub_id):
            # Large files first: at the end, one of them would be downloaded alone.
            files = sorted({file.blob: file for file in snapshot.files}.values(), key=lambda file: -file.size)
            with ThreadPoolExecutor(AT_ONCE, "download") as pool:
                self._await([pool.submit(self._complete, snapshot, file) for file in files])
            self._cache.link(snapshot)

    def _await(self, downloads: list[Future[None]]) -> None:
        """Wait for all files; the first error, or Ctrl-C, stops the others."""
        try:
            done, _ = wait(downloads, return_when=FIRST_EXCEPTION)
            for each in done:
                each.result()
        except BaseException:
            self._stopped.set()
            for each in downloads:
                each.cancel()
            raise

    def _complete(self, snapshot: Snapshot, file: HubFile) -> None:
        blob = self._cache.blob(snapshot.hub_id, file)
        if self._cache.is_present(snapshot.hub_id, file) and self._is_intact(blob):
            return
        if file.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
            raise HubError(_too_large(snapshot, file, self._cache.root))
        try:
            partial = self._cache.open_partial(snapshot.hub_id, file)
            with hub_errors(snapshot.hub_id, snapshot.revision):
                self._fetch(snapshot, file, partial)
            if self._stopped.is_set():
                return
            self._keep(snapshot, file, partial, blob)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise DiskFullError(
                    f"The disk of {self._cache.root} is full. Free some space, then run the command again to resume; "
                    "what was downloaded is kept."
                ) from error
            raise

    def _keep(self, snapshot: Snapshot, file: HubFile, partial: Path, blob: Path) -> None:
        """Give a complete file its final name, under which it is compared with its hash: large files are read once."""
        os.replace(partial, blob)
        if not self._is_intact(blob):
            blob.unlink()
            self._report(-file.size)
            raise HubError(
                f"{file.name} of {snapshot.hub_id} does not match the hash that the hub lists, and was deleted. Run "
                "the command again; if the error persists, check the proxy and HF_ENDPOINT."
            )
        sync_folder(blob.parent)

    def _fetch(self, snapshot: Snapshot, file: HubFile, partial: Path) -> None:
        """Append to the beginning of a file until it is complete, over several connections if they break."""
        url = hf_hub_url(snapshot.hub_id, file.name, revision=snapshot.revision)
        longest, failures = partial.stat().st_size, 0
        while (start := partial.stat().st_size) < file.size and not self._stopped.is_set():
            error: Exception | None = None
            try:
                self._fetch_from(start, url, file, partial)
            except BROKEN as broken:
                error = broken
            reached = partial.stat().st_size
            failures = 0 if reached > longest else failures + 1
            longest = max(longest, reached)
            if failures > FAILURES:
                raise error or HubError(f"The hub sent only a part of {file.name}. {AGAIN}")
            if reached < file.size:
                self._stopped.wait(min(self._wait_s * 2**failures, LONGEST_WAIT_S))

    def _fetch_from(self, start: int, url: str, file: HubFile, partial: Path) -> None:
        # Compressed bytes could not be counted, so they could not be continued.
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        # The client repeats requests that the hub answers with 408, 429 or 5xx.
        with http_stream_backoff(
            "GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT, retry_on_exceptions=()
        ) as response:
            if response.status_code == UNSATISFIABLE:
                os.truncate(partial, 0)
                self._report(-start)
                return
            hf_raise_for_status(response)
            if start and response.status_code != PARTIAL_CONTENT:  # the server ignores ranges
                os.truncate(partial, 0)
                self._report(-start)
            self._append(response, file, partial)

    def _append(self, response: httpx2.Response, file: HubFile, partial: Path) -> None:
        with partial.open("ab", buffering=BUFFER) as out:
            size = out.tell()
            for chunk in response.iter_bytes():  # as it arrives: nothing is lost if the connection breaks
                size += len(chunk)
                if size > file.size:
                    out.truncate(0)
                    raise HubError(
                        f"{file.name} is longer than the hub lists ({file.size:,} bytes). Run the command again; if "
                        "the error persists, check the proxy and HF_ENDPOINT."
                    )
                out.write(chunk)
                self._report(len(chunk))
                if self._stopped.is_set():
                    return
            out.flush()
            os.fsync(out.fileno())


def _too_large(snapshot: Snapshot, file: HubFile, root: Path) -> str:
    return (
        f"{file.name} of {snapshot.hub_id} has {file.size / 1e9:.0f} GB; the hub serves files over "
        f"{constants.MAX_HTTP_DOWNLOAD_SIZE / 1e9:.0f} GB only to its own program. Run `hf download {snapshot.hub_id} "
        f"{file.name} --revision {snapshot.revision} --cache-dir {root}`, then run this command again."
    )
