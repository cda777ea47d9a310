"""Links to Google Sheets, as people copy them from the browser, and the URLs of their CSV exports."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

HOST = "docs.google.com"
SIGN_IN = "accounts.google.com"
NOT_SHARED = (
    "is not shared. In Google Sheets, choose Share and give anyone with the link the role Viewer, or choose File > "
    "Download and use the downloaded XLSX or CSV file."
)

_PUBLISHED = re.compile(r"(?:/a/[^/]+|/u/\d+)?/spreadsheets(?:/u/\d+)?/d/e/([\w-]+)(?:/.*)?")
_SHEET = re.compile(r"(?:/a/[^/]+|/u/\d+)?/spreadsheets(?:/u/\d+)?/d/([\w-]+)(?:/.*)?")


def is_google_sheet(link: str) -> bool:
    """Return whether a link leads to a Google Sheet."""
    return export_url(link) is not None


def export_url(link: str) -> str | None:
    """Return the URL of the CSV export of the tab that a link shows; None if it is not a link to a Google Sheet.

    Without a tab (``gid``) in the link, Google exports the first one.
    """
    parts = urlsplit(link)
    if (parts.hostname or "").lower() != HOST:
        return None
    asked = parse_qs(parts.query)
    options = {"gid": gid} if (gid := _tab_of(parts.fragment) or _first(asked, "gid")) else {}
    if published := _PUBLISHED.fullmatch(parts.path):
        path = f"/spreadsheets/d/e/{published[1]}/pub"
        return _url(parts.netloc, path, {"output": "csv", **({"single": "true", **options} if options else {})})
    if sheet := _SHEET.fullmatch(parts.path):
        if key := _first(asked, "resourcekey"):
            options["resourcekey"] = key
        return _url(parts.netloc, f"/spreadsheets/d/{sheet[1]}/export", {"format": "csv", **options})
    return None


def sheet_id(link: str) -> str:
    """Return the first characters of the id in a link."""
    found = _PUBLISHED.fullmatch(urlsplit(link).path) or _SHEET.fullmatch(urlsplit(link).path)
    return found[1][:12] if found else ""


def _tab_of(fragment: str) -> str:
    return _first(parse_qs(fragment), "gid")


def _first(values: dict[str, list[str]], name: str) -> str:
    return values.get(name, [""])[0]


def _url(netloc: str, path: str, options: dict[str, str]) -> str:
    return urlunsplit(("https", netloc, path, urlencode(options), ""))
