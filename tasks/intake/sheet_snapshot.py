"""A sheet that was dropped into a watched place, copied out of it with the pictures that it names."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.files.durable import write_durably
from adapters.inbox import Found, Inbox
from adapters.sheets import read_table
from manifests.errors import SheetError, UnreadableSheetError
from manifests.identity import slug
from manifests.sheet.cells import clean

SHEETS = (".csv", ".tsv", ".xlsx")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
LARGEST = 20_000_000
LARGEST_PICTURE = 30_000_000
MOST_PICTURES = 200


@dataclass(frozen=True, slots=True)
class SheetSnapshot:
    """A copy that nobody changes any more.

    Attributes:
        name: in the watched place.
        path: of the copy; the pictures lie beside it.
        sha256: of the sheet's bytes, and of its pictures' where it names any.
        named: the pictures' names in its cells, whether they are there or not.
        pictures: names of those that are there.
    """

    name: str
    path: Path
    sha256: str
    named: frozenset[str]
    pictures: tuple[str, ...]


class SheetTooLargeError(SheetError):
    """The sheet is too large to be taken from a watched place; split it, or use `reelmill run`."""


def snapshot_sheet(inbox: Inbox, sheet: Found, pictures: Iterable[Found], uploads: Path) -> SheetSnapshot | None:
    """Copy a sheet and its pictures under ``uploads``, where pictures of its own folder alone are looked at.

    Returns:
        The copy; None where the sheet is gone.

    Raises:
        SheetTooLargeError: the sheet has more than LARGEST bytes.
    """
    content = inbox.fetch(sheet.name, LARGEST)
    if content is None:
        return None
    if len(content) > LARGEST:
        raise SheetTooLargeError(
            f"{sheet.name} is larger than {LARGEST / 1e6:.0f} MB; split it, or use `reelmill run`."
        )
    uploads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=uploads, prefix="incoming-") as folder:
        path = Path(folder, "sheet", slug(Path(sheet.name).stem) + Path(sheet.name).suffix.lower())
        path.parent.mkdir()
        write_durably(path, content)
        named = _named_in(path)
        used = [each for each in pictures if clean(each.name) in named and each.size <= LARGEST_PICTURE]
        used = used[:MOST_PICTURES]
        digest = _digest(content, [(each.name, _copy(inbox, each, path.parent)) for each in used])
        kept = uploads / f"watched-{digest[:32]}"
        if (kept / path.name).is_file():
            shutil.rmtree(path.parent)
        else:  # the same content under another name lies beside it
            kept.mkdir(exist_ok=True)
            for file in sorted(path.parent.iterdir(), key=lambda file: file.name == path.name):
                os.replace(file, kept / file.name)
    return SheetSnapshot(sheet.name, kept / path.name, digest, named, tuple(each.name for each in used))


def _named_in(path: Path) -> frozenset[str]:
    """Return what looks like a picture's name in a sheet's cells; a file that is no sheet names none."""
    try:
        table = read_table(path)
    except UnreadableSheetError:
        return frozenset()
    parts = (clean(part) for row in table.rows for cell in row.cells for part in cell.split("|"))
    return frozenset(part for part in parts if part.lower().endswith(PICTURES))


def _copy(inbox: Inbox, picture: Found, folder: Path) -> str:
    """Copy a picture; return its hash, empty where it is gone."""
    data = inbox.fetch(picture.name, LARGEST_PICTURE)
    if data is None or len(data) > LARGEST_PICTURE:
        return ""
    write_durably(folder / picture.name, data)
    return hashlib.sha256(data).hexdigest()


def _digest(content: bytes, pictures: list[tuple[str, str]]) -> str:
    sheet = hashlib.sha256(content)
    if not pictures:
        return sheet.hexdigest()
    whole = "".join((sheet.hexdigest(), *(f"\n{name}\t{digest}" for name, digest in sorted(pictures))))
    return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()
