"""Pictures that a sheet names by URL: each is downloaded once and kept by its hash.

A URL is downloaded once for all sheets of the same name. Otherwise the plan, the run and a re-run of one sheet could
see different pictures, and a run could not be resumed after the URL has expired (docs/decisions/0040).
"""

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from adapters.files.durable import write_durably
from adapters.media.picture import InvalidPictureError
from manifests.errors import GenerationError
from tasks.intake.parallel import in_parallel
from tasks.intake.remote_sources import RemoteSources, UnavailablePictureError
from tasks.runtime.files.first_frames import FirstFrames
from tasks.runtime.files.staging import disk_full_errors

WORKERS = 8
LIMIT_S = 300.0
"""Time limit for all pictures of a sheet."""
RECENT_S = 3600.0
"""Copies that are older get a warning."""


class Downloads(NamedTuple):
    """Numbers of downloads: those that succeeded, those that failed, and all of them."""

    succeeded: int
    failed: int
    total: int


Progress = Callable[[Downloads], None]


class _Entry(NamedTuple):
    """Which stored picture a URL has led to, and when, in seconds since 1970."""

    sha256: str
    downloaded_at: float


class RemotePictures:
    """The remote pictures of one sheet.

    Args:
        store: where pictures are kept.
        sheet: name of the sheet.
        sources: where pictures are downloaded from; None to use only pictures that are already kept.
        on_progress: called after each download.
        limit_s: see LIMIT_S.
        now: returns the time in seconds since 1970.
    """

    def __init__(
        self,
        store: FirstFrames,
        sheet: str,
        sources: RemoteSources | None,
        *,
        on_progress: Progress | None = None,
        limit_s: float = LIMIT_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._sheet = sheet
        self._sources = sources
        self._on_progress = on_progress
        self._limit_s = limit_s
        self._now = now
        self._failed: dict[str, InvalidPictureError] = {}

    def check(self, url: str) -> None:
        """Check, without a request, that the sheet may use a URL.

        Raises:
            InvalidPictureError: it may not.
        """
        if self._sources:
            self._sources.check(url)

    def download(self, urls: Iterable[str]) -> None:
        """Download the pictures that are not kept yet, several at a time; errors are raised later by ``path``."""
        if self._sources is None:
            return
        missing = [url for url in dict.fromkeys(urls) if url not in self._failed and self._is_missing(url)]
        late = UnavailablePictureError(
            f"was not downloaded, because the pictures of this sheet took longer than {self._limit_s:g} s. Try again: "
            "finished downloads are kept."
        )
        self._failed.update(dict.fromkeys(missing, late))
        succeeded = failed = 0
        for url, result in in_parallel(missing, self._keep, workers=WORKERS, limit_s=self._limit_s):
            if isinstance(result, InvalidPictureError):
                self._failed[url] = result
                failed += 1
            elif isinstance(result, Exception):
                raise result
            else:
                del self._failed[url]
                succeeded += 1
            if self._on_progress:
                self._on_progress(Downloads(succeeded, failed, len(missing)))

    def _is_missing(self, url: str) -> bool:
        """Return whether a picture has to be downloaded; a URL that may not be used is recorded as failed."""
        try:
            self.check(url)
        except InvalidPictureError as error:
            self._failed[url] = error
            return False
        return self.kept(url) is None

    def path(self, url: str) -> Path:
        """Return the kept picture of a URL; it is downloaded if necessary.

        Raises:
            InvalidPictureError: the URL may not be read, or does not lead to a picture.
        """
        self.download([url])
        if url in self._failed:
            raise self._failed[url]
        if kept := self.kept(url):
            return kept
        raise InvalidPictureError("is not kept on this machine. Run a sheet that uses the picture.")

    def kept(self, url: str) -> Path | None:
        """Return the picture that a URL has led to before, or None if it has to be downloaded."""
        try:
            entry = self._entry(url)
            return self._store.path(entry.sha256) if entry else None
        except GenerationError:
            return None

    def note(self, url: str) -> str:
        """Return a warning if the picture was downloaded some time ago; otherwise an empty text."""
        entry = self._entry(url)
        if entry is None or self._now() - entry.downloaded_at < RECENT_S:
            return ""
        return self.reuse_note(url, f" at {datetime.fromtimestamp(entry.downloaded_at, UTC):%Y-%m-%d %H:%M} UTC")

    @staticmethod
    def reuse_note(url: str, when: str = " for an earlier run") -> str:
        """Return a warning that a copy is used, and how to get a newer picture."""
        # A server never sees the part of a URL after #, but it makes another URL for us.
        newer = (
            "To use a newer picture, store it under another key."
            if url.lower().startswith("s3:")
            else "To download it again, add # and any text to the end of the URL."
        )
        return f"was downloaded{when}, and this copy is used. {newer}"

    def forget(self, url: str) -> None:
        """Forget the picture of a URL, because it cannot be used; the next reading downloads it again."""
        self._entry_path(url).unlink(missing_ok=True)

    def _keep(self, url: str) -> None:
        assert self._sources is not None
        sha256 = self._store.add_content(self._sources.read(url))
        with self._alone():
            write_durably(self._entry_path(url), json.dumps(_Entry(sha256, self._now())._asdict()).encode())

    def _entry(self, url: str) -> _Entry | None:
        try:
            return _Entry(**json.loads(self._entry_path(url).read_bytes()))
        except (OSError, ValueError, TypeError):  # missing, or not written by this version
            return None

    def _entry_path(self, url: str) -> Path:
        """Return the path of an entry. The URL itself is not stored, because it may contain a token."""
        digest = hashlib.sha256(f"{self._sheet}\n{url}".encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / f"{digest}.json"

    @property
    def _folder(self) -> Path:
        return self._store.root / "urls"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with disk_full_errors(self._store.root):
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / ".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
