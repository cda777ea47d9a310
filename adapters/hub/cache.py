"""The Hugging Face cache: files by their hashes, and snapshots of links to them."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.files.umask import create_shared, make_shared_folders
from adapters.hub.errors import HubError
from adapters.hub.hub_file import HubFile, Snapshot
from manifests.errors import DiskFullError

RESERVE = 100_000_000
"""Bytes that a download leaves free."""


class HubCache:
    """A folder in the layout of the Hugging Face cache, which the hub's own programs use as well.

    Args:
        root: created when something is downloaded.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def blob(self, hub_id: str, file: HubFile) -> Path:
        """Return where the content of a file is, or will be."""
        return self._repository(hub_id) / "blobs" / file.blob

    def partial(self, hub_id: str, file: HubFile) -> Path:
        """Return where the beginning of a file is kept until it is complete."""
        return self._repository(hub_id) / "blobs" / f"{file.blob}.reelmill.incomplete"

    def is_present(self, hub_id: str, file: HubFile) -> bool:
        """Return whether a file of the right size is there; its content is not read."""
        blob = self.blob(hub_id, file)
        return blob.is_file() and blob.stat().st_size == file.size

    def missing_bytes(self, snapshots: Iterable[Snapshot]) -> int:
        """Return how much is still to be downloaded."""
        wanted = {(each.hub_id, file.blob): file for each in snapshots for file in each.files}
        return sum(self._missing(hub_id, file) for (hub_id, _), file in wanted.items())

    def _missing(self, hub_id: str, file: HubFile) -> int:
        if self.is_present(hub_id, file):
            return 0
        partial = self.partial(hub_id, file)
        there = partial.stat().st_size if partial.is_file() else 0
        return file.size - there if there <= file.size else file.size

    def free_bytes(self) -> int:
        """Return the free space of the disk."""
        folder = self.root
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def check_space(self, needed: int) -> None:
        """Check that the disk has room for a download.

        Raises:
            DiskFullError: it has not; the message names both sizes.
        """
        free = self.free_bytes()
        if needed and needed + RESERVE > free:
            raise DiskFullError(
                f"The download needs {needed / 1e9:.1f} GB, but the disk of {self.root} has {free / 1e9:.1f} GB free. "
                "Free some space, or set HF_HOME (REELMILL_WEIGHTS_ROOT, if you use it) to a folder on a larger disk. "
                "Then run the command again."
            )

    def open_partial(self, hub_id: str, file: HubFile) -> Path:
        """Return the beginning of a file, empty if there is none or it is longer than the file."""
        path = self.partial(hub_id, file)
        make_shared_folders(path.parent)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.unlink()  # nothing is written through links
        if not path.exists():
            os.close(create_shared(path))
        elif path.stat().st_size > file.size:
            os.truncate(path, 0)
        return path

    def link(self, snapshot: Snapshot) -> None:
        """Create the folder of a snapshot, with a link for each file. Existing files with these names are replaced.

        This comes last, so that an interrupted download does not look like a damaged model.
        """
        folder = self._repository(snapshot.hub_id) / "snapshots" / snapshot.revision
        for file in snapshot.files:
            place = folder / file.name
            make_shared_folders(place.parent)
            target = os.path.relpath(self.blob(snapshot.hub_id, file), place.parent)
            if place.is_symlink() and os.readlink(place) == target:
                continue
            temporary = place.with_name(f".{secrets.token_hex(8)}")
            temporary.symlink_to(target)
            os.replace(temporary, place)

    @contextmanager
    def locked(self, hub_id: str) -> Iterator[None]:
        """Keep other processes from downloading the same repository.

        Raises:
            HubError: one does.
        """
        folder = self.root / ".locks" / self._repository(hub_id).name
        make_shared_folders(folder)
        with (folder / "reelmill.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise HubError(
                    f"Another process is downloading {hub_id} to {self.root}. Wait until it has finished, then run the "
                    "command again."
                ) from error
            yield

    def _repository(self, hub_id: str) -> Path:
        return self.root / f"models--{hub_id}".replace("/", "--")
