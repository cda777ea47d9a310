"""Download selected clips as one ZIP file with a clip table for each campaign."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas  # noqa: F401 - the clip table needs it; its import would stall every request for half a second
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from zipstream import ZipStream

from adapters.catalogue import VariantRow
from adapters.catalogue.review.reviews import ReviewRow
from app.dashboard.auth.roles import Viewer
from app.dashboard.bundle.files import BundleFile, files_of
from app.dashboard.campaign_buckets import sessions_of
from app.dashboard.capacity.downloads import DownloadResponse
from app.dashboard.capacity.route import LimitedRoute, person_key
from app.dashboard.capacity.work import Work
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.not_needed import not_needed_in
from app.report.clip_table import write_clip_table
from app.report.fallbacks import fallbacks_of
from manifests.errors import ReelmillError
from manifests.states import UNFINISHED

router = APIRouter(route_class=LimitedRoute)
MAX_CLIPS = 100
MAX_BYTES = 2_000_000_000
"""Maximum size of the clips in one ZIP file, in bytes."""
LOOKUPS = 8
"""Clips whose objects are looked up in a remote bucket at the same time; files of a folder need no time."""


async def download_slot(request: Request, deps: PageDeps, person: Viewer) -> AsyncIterator[None]:
    """Count the download of a request until its response was sent or its client has disconnected."""
    with deps.downloads.admit(person_key(request)):
        yield


@router.get("/bundle", dependencies=[Depends(download_slot)])
async def bundle(
    request: Request, deps: PageDeps, person: Viewer, id: Annotated[list[str] | None, Query()] = None
) -> Response:
    """Return the selected clips: published ones signed, with sidecar and record; others unsigned.

    Files that are missing at the start are listed in ``missing.txt``. If a file changes or disappears later, the
    connection is closed before the announced length, so that the client reports an error.
    """
    ids = list(dict.fromkeys(id or ()))
    if not 1 <= len(ids) <= MAX_CLIPS:
        raise ReelmillError(f"{len(ids)} clips are selected. A ZIP file can contain 1 to {MAX_CLIPS} clips.")
    archive = await deps.limits[Work.BUNDLES].run(person_key(request), partial(_archive, deps, ids))
    return DownloadResponse(
        deps.downloads.blocks(iter(archive)),
        len(archive),
        "application/zip",
        {"Content-Disposition": 'attachment; filename="reelmill-clips.zip"'},
    )


def _archive(deps: Deps, ids: list[str]) -> ZipStream:
    """Return a ZIP file that opens its files when it is sent. It only stores them, as MP4 does not compress further."""
    rows = deps.catalogue.variants.of_ids(ids)
    size = sum(row.clip.size for row in rows if row.clip)
    if size > MAX_BYTES:
        raise ReelmillError(
            f"The selected clips have {size / 1e9:.1f} GB. The limit is {MAX_BYTES / 1e9:.0f} GB. Select fewer clips."
        )
    archive, missing = ZipStream(sized=True), []
    for row, found in zip(rows, _find_files(deps, rows), strict=True):
        if isinstance(found, ReelmillError):
            missing.append(f"{row.variant_id[:12]}: {found}\n")
            continue
        for file in found:
            archive.add(file.pieces(), file.name, size=file.size)
    with tempfile.TemporaryDirectory() as folder:
        for table in _tables(deps, rows, Path(folder)):
            archive.add(table.read_bytes(), table.name)
    if missing:
        archive.add("".join(missing), "missing.txt")
    return archive


def _find_files(deps: Deps, rows: list[VariantRow]) -> list[list[BundleFile] | ReelmillError]:
    """Return the files of each clip, or the error that says why it has none."""
    sessions = sessions_of(deps, rows)

    def find(row: VariantRow) -> list[BundleFile] | ReelmillError:
        try:
            return files_of(deps, sessions[row.variant_id], row)
        except ReelmillError as error:
            return error

    is_remote = any(each.resources.bucket.location.startswith("s3://") for each in sessions.values())
    with ThreadPoolExecutor(LOOKUPS if is_remote else 1, "bundle") as pool:
        return list(pool.map(find, rows))


def _tables(deps: Deps, rows: list[VariantRow], folder: Path) -> Iterator[Path]:
    """Write a clip table for each campaign that uses the clips."""
    catalogue = deps.catalogue
    reviews = catalogue.reviews.of_variants([row.variant_id for row in rows])
    decisions = {key: _review_text(found) for key, found in reviews.items()}
    served = catalogue.variants.campaigns_of([row.variant_id for row in rows])
    for name in sorted(set().union(*served.values())):
        mine = [row for row in rows if name in served[row.variant_id]]
        members = catalogue.campaigns.memberships(name, [row.variant_id for row in mine])
        briefs = catalogue.campaigns.briefs(name, {member.brief_id for member in members})
        not_needed = not_needed_in(deps, name) if any(row.state in UNFINISHED for row in mine) else ()
        found = fallbacks_of(catalogue, mine)
        yield write_clip_table(mine, members, briefs, decisions, folder / f"{name}.csv", not_needed, found)


def _review_text(reviews: list[ReviewRow]) -> str:
    return "; ".join(
        f"{each.outcome} by {each.author}: {each.reason}".rstrip(": ")
        for each in reviews
        if not (each.undone or each.blind)
    )
