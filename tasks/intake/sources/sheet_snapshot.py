"""Snapshots: copies of sheets from a watched place, with the pictures that they use."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.files.durable import write_durably
from adapters.inbox import Inbox, InboxFile
from adapters.sheets import read_table
from manifests.errors import SheetError, UnreadableSheetError
from manifests.identity import slug
from manifests.sheet.cells import clean
from tasks.intake.remote_sources import is_remote
from tasks.intake.sources.sheet_store import MAX_PICTURE_BYTES, MAX_PICTURES, MAX_SHEET_BYTES, PICTURE_SUFFIXES


@dataclass(frozen=True, slots=True)
class SheetSnapshot:
    """A copy that does not change.

    Attributes:
        name: name of the sheet in the watched place.
        path: path of the copy; the pictures are in the same folder.
        size: size of the sheet in bytes.
        sha256: hex digest of the sheet's bytes, and of its pictures if it uses any.
        named: names of pictures in its cells, including missing ones.
        pictures: names of the pictures that exist.
    """

    name: str
    path: Path
    size: int
    sha256: str
    named: frozenset[str]
    pictures: tuple[str, ...]


class SheetTooLargeError(SheetError):
    """The sheet is too large for a watched place. Split it, or use `reelmill run`.

    Attributes:
        named: names of the pictures in its cells; if one of them changes, the sheet is read again.
    """

    named: frozenset[str] = frozenset()


def snapshot_sheet(
    inbox: Inbox, sheet: InboxFile, pictures: Iterable[InboxFile], uploads: Path
) -> SheetSnapshot | None:
    """Copy a sheet and its pictures to ``uploads``, where a sheet can use only the pictures of its own folder.

    Returns:
        The copy; None if the sheet no longer exists.

    Raises:
        SheetTooLargeError: the sheet has more than MAX_SHEET_BYTES bytes, a picture more than MAX_PICTURE_BYTES, or
            there are more than MAX_PICTURES pictures.
    """
    content = inbox.fetch(sheet.name, MAX_SHEET_BYTES)
    if content is None:
        return None
    if len(content) > MAX_SHEET_BYTES:
        raise SheetTooLargeError(
            f"{sheet.name} is larger than {MAX_SHEET_BYTES / 1e6:.0f} MB. Split it, or use `reelmill run`."
        )
    uploads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=uploads, prefix="incoming-") as folder:
        path = Path(folder, "sheet", slug(Path(sheet.name).stem) + Path(sheet.name).suffix.lower())
        path.parent.mkdir()
        write_durably(path, content)
        named = _named_in(path)
        used = [each for each in pictures if clean(each.name) in named]
        _check_limits(sheet.name, used, named)
        digest = _digest(content, [(each.name, _copy(inbox, each, path.parent)) for each in used])
        kept = uploads / f"watched-{digest[:32]}"
        if (kept / path.name).is_file():
            shutil.rmtree(path.parent)
        else:  # the folder may already contain the same content under another name
            kept.mkdir(exist_ok=True)
            for file in sorted(path.parent.iterdir(), key=lambda file: file.name == path.name):
                os.replace(file, kept / file.name)
    return SheetSnapshot(sheet.name, kept / path.name, len(content), digest, named, tuple(each.name for each in used))


def _check_limits(sheet: str, pictures: list[InboxFile], named: frozenset[str]) -> None:
    """Raise SheetTooLargeError if pictures exceed a limit; if they were left out, they would seem to be missing."""
    large = [each for each in pictures if each.size > MAX_PICTURE_BYTES]
    if large:
        problem = (
            f"The picture {large[0].name} has {large[0].size / 1e6:.1f} MB, and pictures of watched sheets may have "
            f"{MAX_PICTURE_BYTES / 1e6:.0f} MB. Save a smaller picture under the same name"
        )
    elif len(pictures) > MAX_PICTURES:
        problem = f"{sheet} uses {len(pictures)} pictures; watched sheets may use {MAX_PICTURES}. Split the sheet"
    else:
        return
    error = SheetTooLargeError(f"{problem}, or use `reelmill run`, which has higher limits.")
    error.named = named
    raise error


def _named_in(path: Path) -> frozenset[str]:
    """Return the texts in a sheet's cells that look like names of pictures; none for an unreadable sheet."""
    try:
        table = read_table(path)
    except UnreadableSheetError:
        return frozenset()
    parts = (clean(part) for row in table.rows for cell in row.cells for part in cell.split("|"))
    return frozenset(part for part in parts if part.lower().endswith(PICTURE_SUFFIXES) and not is_remote(part))


def _copy(inbox: Inbox, picture: InboxFile, folder: Path) -> str:
    """Copy a picture and return its hash; empty if the picture no longer exists."""
    data = inbox.fetch(picture.name, MAX_PICTURE_BYTES)
    if not data or len(data) > MAX_PICTURE_BYTES:
        return ""
    write_durably(folder / picture.name, data)
    return hashlib.sha256(data).hexdigest()


def _digest(content: bytes, pictures: list[tuple[str, str]]) -> str:
    sheet = hashlib.sha256(content)
    if not pictures:
        return sheet.hexdigest()
    whole = "".join((sheet.hexdigest(), *(f"\n{name}\t{digest}" for name, digest in sorted(pictures))))
    return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()
