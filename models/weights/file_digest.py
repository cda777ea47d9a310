"""SHA-256 of files, remembered by device, inode, size and times, so that large weights are read once.

The time of the last status change cannot be set by programs, so a file with changed content is always read again.
"""

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

log = logging.getLogger(__name__)

REMEMBERED = 1_000_000
"""Bytes; smaller files are hashed again in every process."""
MAX_THREADS = 8
LOGGED = 1_000_000_000
RECENT_NS = 2_000_000_000
"""Files that were changed less than two seconds ago are not remembered: a later change could have the same time."""
MAX_ENTRIES = 5_000
CHUNK = 2**22

_known: dict[str, str] = {}
_store: Path | None = None
_lock = threading.Lock()


def remember_digests_in(path: Path) -> None:
    """Keep the digests of this process in a file, and use those that are in it.

    A user who can write this file can have changed weights accepted, so it belongs to the folder of the local state.
    """
    global _store
    with _lock:
        if _store == path:
            return
        _store = path
        _known.update(_stored(path))


def is_known(path: Path) -> bool:
    """Return whether a file's digest is remembered."""
    return state_of(path) in _known


def sha256_of_all(paths: Sequence[Path]) -> list[str]:
    """Return the SHA-256 of each file; several large ones are read on several cores."""
    large = sum(not is_known(path) and path.stat().st_size >= REMEMBERED for path in paths)
    if large < 2:
        return [sha256_of(path) for path in paths]
    with ThreadPoolExecutor(min(large, os.cpu_count() or 1, MAX_THREADS)) as pool:
        return list(pool.map(sha256_of, paths))  # hashlib releases the lock of the interpreter


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits."""
    state = state_of(path)
    return _known.get(state) or _read(path, state)


def _read(path: Path, state: str) -> str:
    found = path.stat()
    if found.st_size > LOGGED:
        log.info("Reading %s (%.1f GB) to compare it with its hash.", path, found.st_size / 1e9)
    digest = _hash(path, hashlib.sha256())
    if state_of(path) != state:
        raise OSError(f"{path} was changed while it was read")
    if time.time_ns() - found.st_ctime_ns > RECENT_NS:
        _remember(state, digest, found.st_size)
    return digest


def git_sha1_of(path: Path) -> str:
    """Return git's object id of a file, with which the hub names small files."""
    start = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    return _hash(path, start)


def state_of(path: Path) -> str:
    """Return a text that changes if the content of a file changes: its identity, size and times."""
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _hash(path: Path, digest: "hashlib._Hash") -> str:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _remember(key: str, digest: str, size: int) -> None:
    with _lock:
        _known[key] = digest
        if _store is not None and size >= REMEMBERED:
            _save(_store, {**_stored(_store), key: digest})


def _stored(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str) and len(value) == 64}


def _save(path: Path, digests: dict[str, str]) -> None:
    """Replace the file; if that fails, the digests are computed again by the next process."""
    latest = dict(list(digests.items())[-MAX_ENTRIES:])
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with open(handle, "w") as file:
            json.dump(latest, file)
        os.replace(name, path)
