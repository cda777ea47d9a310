"""Download selected clips as one ZIP file with a clip table for each campaign."""

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
from manifests.identity import file_stem
from tasks.runtime.resources import bucket_of

router = APIRouter()
MAX_CLIPS = 100
MAX_BYTES = 2_000_000_000
"""Maximum size of the clips in one ZIP file, in bytes."""
_CHUNK = 1 << 20


@router.get("/bundle")
def bundle(deps: PageDeps, person: Viewer, id: Annotated[list[str] | None, Query()] = None) -> StreamingResponse:
    """Return the selected clips: published ones signed, with sidecar and record; others unsigned."""
    ids = list(dict.fromkeys(id or ()))
    if not 1 <= len(ids) <= MAX_CLIPS:
        raise ReelmillError(f"{len(ids)} clips are selected. A ZIP file can contain 1 to {MAX_CLIPS} clips.")
    rows = [deps.catalogue.variants.get(key) for key in ids]
    size = sum(row.clip.size for row in rows if row.clip)
    if size > MAX_BYTES:
        raise ReelmillError(
            f"The selected clips have {size / 1e9:.1f} GB. The limit is {MAX_BYTES / 1e9:.0f} GB. Select fewer clips."
        )
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response reads and closes it after this function returns
    try:
        _write(deps, rows, file)
    except BaseException:
        file.close()
        raise
    length = file.tell()
    file.seek(0)
    return StreamingResponse(
        _chunks(file),
        media_type="application/zip",
        headers={"Content-Length": str(length), "Content-Disposition": 'attachment; filename="reelmill-clips.zip"'},
    )


def _write(deps: Deps, rows: list[VariantRow], file: IO[bytes]) -> None:
    missing = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # MP4 does not compress further
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
        MediaNotFoundError: there is no clip, or its file is on another machine. Bucket errors are raised as well.
    """
    name = f"{file_stem(row.variant.prompt)}-{row.variant_id[:12]}"
    kinds: tuple[Kind, ...] = ("clip", "sidecar", "record")
    if keys := {kind: key for kind in kinds if (key := published_key(row, kind))}:
        for kind, key in keys.items():
            path = published_path(deps, row, kind)
            data = path.read_bytes() if path else bucket_of(session_of(deps, row).resources, patient=False).read(key)
            archive.writestr(name + ENDINGS[kind], data)
    else:
        archive.write(staged_path(deps, row, "clip"), f"unsigned/{name}{ENDINGS['clip']}")


def _tables(deps: Deps, rows: list[VariantRow], folder: Path) -> Iterator[Path]:
    """Write a clip table for each campaign that uses the clips."""
    catalogue = deps.catalogue
    decisions = {row.variant_id: _review_text(catalogue.reviews.all(variant_id=row.variant_id)) for row in rows}
    served = catalogue.variants.campaigns_of([row.variant_id for row in rows])
    for name in sorted(set().union(*served.values())):
        mine = [row for row in rows if name in served[row.variant_id]]
        members = catalogue.campaigns.memberships(name, [row.variant_id for row in mine])
        briefs = catalogue.campaigns.briefs(name, {member.brief_id for member in members})
        not_needed = catalogue.progress.not_needed(name)
        yield write_clip_table(mine, members, briefs, decisions, folder / f"{name}.csv", not_needed)


def _review_text(reviews: list[ReviewRow]) -> str:
    return "; ".join(
        f"{each.outcome} by {each.author}: {each.reason}".rstrip(": ")
        for each in reviews
        if not (each.undone or each.blind)
    )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
