"""Storage of sheets on this machine, and the upload limits: file types, sizes and number of pictures.

Other limits are in app/dashboard/middleware/request_limits.py (a whole request), adapters/sheets/reader.py (any file)
and manifests/sheet/table.py (rows and columns).
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from adapters.files.durable import write_durably

SHEET_SUFFIXES = (
    ".csv",
    ".tsv",
    ".tab",
    ".txt",
    ".xlsx",
    ".xlsm",
    ".xltx",
    ".xlsb",
    ".xls",
    ".ods",
    ".fods",
    ".json",
    ".jsonl",
    ".ndjson",
    ".numbers",
    ".gsheet",
)
"""Files that are sheets or look like one. The reader decides by content, and says what to do about other kinds."""
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_SHEET_BYTES = 20_000_000
MAX_PICTURE_BYTES = 30_000_000
MAX_PICTURES = 200
"""Limits for uploads and watched places; `reelmill run` accepts any sheet that can be parsed."""
_UPLOADER = ".uploader"
"""File with the account name of the person; without a suffix, so that it is neither a sheet nor a picture."""


class SheetStore:
    """Copies of sheets in one folder.

    An upload is a sheet from another machine, together with its pictures. It can use only the pictures in its own
    folder. Each registered campaign keeps a copy of its sheet, from which the results sheet is written.
    """

    def __init__(self, home: Path) -> None:
        self.uploads = home / "uploads"
        self._campaigns = home / "campaigns"

    def add_upload(self, name: str, content: bytes, pictures: Mapping[str, bytes], uploader: str = "") -> str:
        """Store a sheet and its pictures; return the upload's key: 32 hex digits of a hash of all arguments.

        The name and the person are part of the hash, so that nobody sees the name that another upload of the same
        content has.
        """
        digest = hashlib.sha256(content)
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(uploader.encode()).digest())
        for picture in sorted(pictures):
            digest.update(picture.encode() + hashlib.sha256(pictures[picture]).digest())
        key = digest.hexdigest()[:32]
        folder = self.uploads / key
        folder.mkdir(parents=True, exist_ok=True)
        for picture, data in pictures.items():
            write_durably(folder / picture, data)
        write_durably(folder / _UPLOADER, uploader.encode())
        write_durably(folder / name, content)
        return key

    def upload(self, key: str) -> Path | None:
        """Return the sheet of an upload."""
        if len(key) != 32 or set(key) - set("0123456789abcdef"):
            return None
        return next((path for path in sorted((self.uploads / key).glob("*")) if path.suffix in SHEET_SUFFIXES), None)

    def uploader(self, key: str) -> str:
        """Return who uploaded a sheet; empty if it is not known."""
        file = self.uploads / key / _UPLOADER
        return file.read_text(encoding="utf-8") if self.upload(key) and file.is_file() else ""

    def is_upload(self, sheet: Path) -> bool:
        """Return whether the sheet is an upload, which can use only the pictures in its own folder."""
        return sheet.resolve().is_relative_to(self.uploads.resolve())

    def is_kept(self, sheet: Path) -> bool:
        """Return whether the sheet is the copy of a registered campaign."""
        return sheet.resolve().is_relative_to(self._campaigns.resolve())

    def keep(self, campaign_id: str, sheet: Path) -> None:
        """Keep a copy of a campaign's sheet."""
        folder = self._campaigns / campaign_id / "sheet"
        folder.mkdir(parents=True, exist_ok=True)
        if sheet.resolve() != (folder / sheet.name).resolve():
            shutil.copyfile(sheet, folder / sheet.name)

    def of_campaign(self, campaign_id: str) -> Path | None:
        """Return the copy of a campaign's sheet."""
        return next(iter(sorted((self._campaigns / campaign_id / "sheet").glob("*"))), None)
