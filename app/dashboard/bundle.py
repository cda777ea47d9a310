"""Chosen clips in one ZIP file, with a table for each campaign: for whoever hands them on."""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from adapters.catalogue import VariantRow
from adapters.catalogue.review.reviews import ReviewRow
from app.dashboard.auth.roles import Viewer
from app.dashboard.campaign_buckets import session_of
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.routes.media import ENDINGS, Kind, published_key, published_path, staged_path
from app.report.clip_table import write_clip_table
from manifests.errors import ReelmillError
from manifests.identity import slug
from tasks.runtime.resources import bucket_of

router = APIRouter()
MOST = 100
LARGEST = 2_000_000_000
"""Bytes of clips in one file; more is fetched from the bucket."""
_PIECE = 1 << 20


@router.get("/bundle")
def bundle(deps: PageDeps, person: Viewer, id: Annotated[list[str] | None, Query()] = None) -> StreamingResponse:
    """Respond with the chosen clips: published ones signed, with sidecar and record; others as they were made."""
    ids = list(dict.fromkeys(id or ()))
    if not 1 <= len(ids) <= MOST:
        raise ReelmillError(f"{len(ids)} clips are chosen; a ZIP file takes 1 to {MOST}.")
    rows = [deps.catalogue.variants.get(key) for key in ids]
    size = sum(row.clip.size for row in rows if row.clip)
    if size > LARGEST:
        raise ReelmillError(f"The clips have {size / 1e9:.1f} GB; at most {LARGEST / 1e9:.0f} fit, so choose fewer.")
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is read, and closed, after this function's end
    try:
        _write(deps, rows, file)
    except BaseException:
        file.close()
        raise
    length = file.tell()
    file.seek(0)
    return StreamingResponse(
        _pieces(file),
        media_type="application/zip",
        headers={"Content-Length": str(length), "Content-Disposition": 'attachment; filename="reelmill-clips.zip"'},
    )


def _write(deps: Deps, rows: list[VariantRow], file: IO[bytes]) -> None:
    missing = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # media do not get smaller
        for row in rows:
            try:
                _add(deps, archive, row)
            except ReelmillError as error:
                missing.append(f"{row.variant_id[:12]}: {error}")
        with tempfile.TemporaryDirectory() as folder:
            for table in _tables(deps, rows, Path(folder)):
                archive.write(table, table.name)
        if missing:
            archive.writestr("missing.txt", "\n".join(missing) + "\n")


def _add(deps: Deps, archive: zipfile.ZipFile, row: VariantRow) -> None:
    """Add a clip's files.

    Raises:
        MediaNotFoundError: no clip came of it, or it lies elsewhere; the bucket may refuse as well.
    """
    name = f"{slug(row.variant.prompt, 40)}-{row.variant_id[:12]}"
    kinds: tuple[Kind, ...] = ("clip", "sidecar", "record")
    if keys := {kind: key for kind in kinds if (key := published_key(row, kind))}:
        for kind, key in keys.items():
            path = published_path(deps, row, kind)
            data = path.read_bytes() if path else bucket_of(session_of(deps, row).resources).read(key)
            archive.writestr(name + ENDINGS[kind], data)
    else:
        archive.write(staged_path(deps, row, "clip"), f"unsigned/{name}{ENDINGS['clip']}")


def _tables(deps: Deps, rows: list[VariantRow], folder: Path) -> Iterator[Path]:
    """Yield a table of clips for each campaign that they serve."""
    catalogue = deps.catalogue
    said = {row.variant_id: _said(catalogue.reviews.all(variant_id=row.variant_id)) for row in rows}
    served = catalogue.variants.campaigns_of([row.variant_id for row in rows])
    for name in sorted(set().union(*served.values())):
        mine = [row for row in rows if name in served[row.variant_id]]
        members = catalogue.campaigns.memberships(name, [row.variant_id for row in mine])
        sheet_rows = {brief.brief_id: brief.row for brief in catalogue.campaigns.briefs(name)}
        yield write_clip_table(mine, members, sheet_rows, said, folder / f"{name}.csv")


def _said(reviews: list[ReviewRow]) -> str:
    return "; ".join(
        f"{each.outcome} by {each.author}: {each.reason}".rstrip(": ")
        for each in reviews
        if not (each.undone or each.blind)
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
