"""Where the files of deliverables are staged on this machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.files.durable import sync_folder
from tasks.finish.workspace import VIDEO
from tasks.runtime.files.staging import Staging, disk_full_errors, is_intact
from tasks.runtime.resources import Resources

DELIVERABLES = "deliverables"
"""Folder of the staging folder; inside, deliverables have folders as variants do."""
MASTERS = "masters"
MAKING, FINISHED = "making-", "finished-"
DIGITS = 16


def staging_of(resources: Resources) -> Staging:
    """Return the staging of deliverables."""
    return Staging(resources.staging / DELIVERABLES)


def masters_folder(resources: Resources) -> Path:
    """Return the folder for masters that were fetched from the bucket; it is created if it is missing."""
    folder = resources.staging / DELIVERABLES / MASTERS
    with disk_full_errors(resources.staging):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def new_folder(resources: Resources, deliverable_id: str, attempt: int) -> Iterator[Path]:
    """Yield an empty folder in which one lease makes a deliverable; what is left of it is deleted at the end.

    A worker whose lease has expired may still be making it; with separate folders, files of two attempts never mix.
    """
    folder = staging_of(resources).folder(deliverable_id) / f"{MAKING}{attempt}"
    shutil.rmtree(folder, ignore_errors=True)
    with disk_full_errors(resources.staging):
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def finished_folder(resources: Resources, deliverable_id: str, sha256: str) -> Path:
    """Return the path of the folder with a finished file of this hash; it may not exist."""
    return staging_of(resources).path_of(deliverable_id) / f"{FINISHED}{sha256[:DIGITS]}"


def keep(resources: Resources, deliverable_id: str, folder: Path, sha256: str) -> Path:
    """Rename the folder of an attempt to that of the finished file, and return it.

    If another attempt has made the same file, its folder stays, and this one is deleted.
    """
    target = finished_folder(resources, deliverable_id, sha256)
    if is_intact(target / VIDEO, sha256):
        shutil.rmtree(folder, ignore_errors=True)
        return target
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
    sync_folder(target.parent)
    return target


def drop(resources: Resources, deliverable_id: str) -> None:
    """Delete all staged files of a deliverable."""
    shutil.rmtree(staging_of(resources).path_of(deliverable_id), ignore_errors=True)
