"""Sheets and pictures on the web: download them and show what happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli.output import errors, warn
from app.session import Session
from manifests.pluralize import count_of
from tasks.intake.remote_pictures import Downloads, Progress
from tasks.intake.sources.google_sheets import is_google_sheet
from tasks.intake.sources.sheet_link import fetch_sheet, is_link
from tasks.intake.sources.sheet_store import SheetStore


def local_sheet(session: Session, sheet: str) -> Path:
    """Return the path of the sheet that a person has named; a link is downloaded."""
    path = fetch_sheet(sheet, SheetStore(session.settings.home))
    if is_link(sheet):
        hidden = " A CSV export does not show which rows are hidden." if is_google_sheet(sheet) else ""
        warn(f"Downloaded the sheet to {path}.{hidden}")
    return path


@contextmanager
def showing_downloads() -> Iterator[Progress]:
    """Show the number of downloaded pictures while a sheet is read: live on a terminal, otherwise at the end."""
    latest: list[Downloads] = []
    with errors.status("Reading the sheet") as status:

        def on_download(downloads: Downloads) -> None:
            latest[:] = [downloads]
            done = downloads.succeeded + downloads.failed
            status.update(f"Downloading pictures: {done:,} of {downloads.total:,}")

        yield on_download
    for downloads in latest:
        warn(f"Downloaded {downloads.succeeded:,} of {count_of(downloads.total, 'picture')}.")
