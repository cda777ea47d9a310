"""Use a sheet on the web: a link to a Google Sheet or to a CSV, TSV or XLSX file.

The file is downloaded through the guard of ``adapters.web`` and kept like an upload: a copy that does not change, whose
cells cannot name files on this machine.
"""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from adapters.web import Fetched, FetchError, GuardedFetcher
from manifests.errors import SheetError
from manifests.identity import slug
from tasks.intake.remote_sources import UNSPECIFIC
from tasks.intake.sources.google_sheets import NOT_SHARED, SIGN_IN, export_url, sheet_id
from tasks.intake.sources.sheet_store import MAX_SHEET_BYTES, SHEET_SUFFIXES, SheetStore

ACCEPT = "text/csv, text/tab-separated-values, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, */*"
SUFFIXES = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/x-csv": ".csv",
    "text/comma-separated-values": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
"""Extensions by media type, for links without one."""
NAME_LENGTH = 60

_LINK = re.compile(r"(https?):/{0,2}(?=[^/])", re.IGNORECASE)


class SheetLinkError(SheetError):
    """The sheet cannot be downloaded."""


class LinkedSheet(NamedTuple):
    """A downloaded sheet with a name for people, such as ``spring-shoes.csv``."""

    name: str
    content: bytes


def is_link(reference: str) -> bool:
    """Return whether a sheet is named by a web address, not by a path or an s3:// URL."""
    return bool(_LINK.match(reference.strip())) or reference.strip().lower().startswith("docs.google.com/")


def fetch_sheet(reference: str, store: SheetStore, fetcher: GuardedFetcher | None = None) -> Path:
    """Return the path of a sheet; a linked sheet is downloaded and kept in the store first.

    Raises:
        SheetLinkError: the link cannot be downloaded, or it does not lead to a sheet.
    """
    if not is_link(reference):
        return Path(reference)
    sheet = download_sheet(reference, fetcher)
    return store.uploads / store.add_upload(sheet.name, sheet.content, {}) / sheet.name


def download_sheet(link: str, fetcher: GuardedFetcher | None = None) -> LinkedSheet:
    """Download a linked sheet.

    Raises:
        SheetLinkError: the link cannot be downloaded, or it does not lead to a sheet.
    """
    url = _normalised(link)
    try:
        export = export_url(url)
        fetched = (fetcher or GuardedFetcher()).get(export or url, accept=ACCEPT, max_bytes=MAX_SHEET_BYTES)
    except FetchError as error:
        raise SheetLinkError(f"The sheet {_shown(link)} {_reason(error, url)}") from error
    except ValueError as error:  # urlsplit does not accept the link
        raise SheetLinkError(f"The sheet {_shown(link)} is not a valid URL. Copy it again from the browser.") from error
    if problem := _content_problem(fetched, is_google=bool(export)):
        raise SheetLinkError(f"The sheet {_shown(link)} {problem}")
    return LinkedSheet(_name(url, fetched, ".csv" if export else ""), fetched.content)


def _normalised(link: str) -> str:
    """Return a link with a complete scheme; a path object has only one slash after it."""
    link = link.strip()
    return _LINK.sub(lambda found: f"{found[1].lower()}://", link, count=1) if _LINK.match(link) else f"https://{link}"


def _reason(error: FetchError, url: str) -> str:
    if export_url(url) and (error.status in (401, 403) or SIGN_IN in str(error)):
        return NOT_SHARED
    if export_url(url) and error.status in (400, 404, 410):
        return f"or its tab does not exist, or the sheet {NOT_SHARED}"
    return str(error)


def _content_problem(fetched: Fetched, *, is_google: bool) -> str:
    """Return why a download is not a sheet; empty if it is one."""
    start = fetched.content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if fetched.media_type in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype html", b"<html")):
        if is_google:
            return NOT_SHARED
        return (
            "is a web page, not a sheet. Use a link that downloads a CSV or XLSX file, or download the file in the "
            "browser and use the copy."
        )
    if not fetched.content:
        return "is empty. Check the link."
    if not fetched.is_complete:
        return (
            "was sent without its length, so that a broken download could not be noticed. Download the file in the "
            "browser and use the copy."
        )
    return ""


def _name(url: str, fetched: Fetched, default_suffix: str) -> str:
    """Return a file name from what the server suggests, or else from the URL.

    Raises:
        SheetLinkError: neither of them nor the media type says which kind of file it is.
    """
    in_url = unquote(urlsplit(url).path).rpartition("/")[2]
    suffix = default_suffix or next(
        (end for end in map(_suffix, (fetched.file_name, in_url, urlsplit(fetched.url).path)) if end), ""
    )
    suffix = suffix or SUFFIXES.get(fetched.media_type, "")
    if not suffix:
        kind = "" if fetched.media_type in UNSPECIFIC else f" of the type {fetched.media_type[:80]}"
        raise SheetLinkError(
            f"The sheet {_shown(url)} is a file{kind}, not a sheet. Use a link to a file that ends with "
            f"{', '.join(SHEET_SUFFIXES)}."
        )
    stem = Path(fetched.file_name).stem if fetched.file_name else ""
    stem = stem or (f"google-sheet-{sheet_id(url)}" if default_suffix else Path(in_url).stem)
    return slug(stem or "sheet", NAME_LENGTH) + suffix


def _suffix(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return suffix if suffix in SHEET_SUFFIXES else ""


def _shown(link: str) -> str:
    """Return a link without its query, which may contain a token."""
    bare = re.split(r"[?#]", _normalised(link), maxsplit=1)[0]
    return bare if len(bare) <= 120 else f"{bare[:119]}…"
