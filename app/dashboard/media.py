"""Posters, clips and what belongs to them: from this machine's disk, or from the bucket."""

import re
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, RedirectResponse, Response

from adapters.bucket.base import PRESIGNED_S
from adapters.catalogue import VariantRow
from app.dashboard.desk import AtDesk, Desk
from app.dashboard.places import session_of
from app.dashboard.roles import Viewer
from manifests.errors import ReelmillError
from tasks.shared_staging import SHARED, brought_here, is_within_reach, poster_brought_here
from tasks.wiring import bucket_of

router = APIRouter()
TYPES = {"clip": "video/mp4", "poster": "image/jpeg", "sidecar": "application/c2pa", "record": "application/json"}
ENDINGS = {"clip": ".mp4", "poster": ".jpg", "sidecar": ".c2pa", "record": ".json"}
_ID = re.compile(r"[0-9a-f]{32}")
Kind = Literal["clip", "poster", "sidecar", "record"]


class NoMedia(ReelmillError):
    """There is no such file."""


@router.get("/media/{variant_id}/poster")
def poster(variant_id: str, desk: AtDesk, person: Viewer) -> Response:
    """Answer with the clip's middle frame."""
    return poster_response(desk, variant_id)


@router.get("/media/{variant_id}/clip")
def clip(variant_id: str, desk: AtDesk, person: Viewer) -> Response:
    """Answer with the clip, or the part of it that a Range header names."""
    return clip_response(desk, _row(desk, variant_id))


@router.get("/media/{variant_id}/download/{kind}")
def download(variant_id: str, kind: Kind, desk: AtDesk, person: Viewer) -> Response:
    """Answer with a published file as it lies in the bucket; before that with the unsigned clip or its poster."""
    return download_response(desk, variant_id, kind)


def download_response(desk: Desk, variant_id: str, kind: Kind) -> Response:
    """Return a file under a name that people can tell."""
    row = _row(desk, variant_id)
    name = f"{row.variant.card}-{variant_id[:12]}{ENDINGS[kind]}"
    response = _published(desk, row, kind) or _staged(desk, row, kind)
    if not isinstance(response, RedirectResponse):
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def poster_response(desk: Desk, variant_id: str) -> Response:
    """Return the poster; one that lies here needs no question to the catalogue."""
    if _ID.fullmatch(variant_id):
        staged = desk.session.wiring.staging / variant_id[:2] / variant_id / "poster.jpg"
        if staged.is_file():
            return _file(staged, "poster")
    row = _row(desk, variant_id)
    return _published(desk, row, "poster") or _staged(desk, row, "poster")


def clip_response(desk: Desk, row: VariantRow) -> Response:
    """Return the master that lies here, or else what was published."""
    if row.clip and row.clip.machine == desk.session.wiring.machine and row.clip.path.is_file():
        return _file(row.clip.path, "clip")
    return _published(desk, row, "clip") or _staged(desk, row, "clip")


def published_path(desk: Desk, row: VariantRow, kind: Kind) -> Path | None:
    """Return where a published file lies on this machine, None where it does not."""
    key = published_key(row, kind)
    return bucket_of(session_of(desk, row).wiring).local_path(key) if key else None


def published_key(row: VariantRow, kind: Kind) -> str:
    """Return under which key a file of the clip lies in the bucket; "" where it is not published."""
    signed = row.signed
    if row.state != "published" or signed is None:
        return ""
    return {"clip": signed.key, "poster": signed.poster_key, "sidecar": signed.sidecar_key,
            "record": signed.record_key}[kind]


def _row(desk: Desk, variant_id: str) -> VariantRow:
    return desk.catalogue.variant(variant_id)


def _published(desk: Desk, row: VariantRow, kind: Kind) -> Response | None:
    if not (key := published_key(row, kind)):
        return None
    bucket = bucket_of(session_of(desk, row).wiring)
    if path := bucket.local_path(key):
        return _file(path, kind)
    url = bucket.presigned(key, PRESIGNED_S)
    return RedirectResponse(url, 302, {"Cache-Control": f"private, max-age={PRESIGNED_S // 2}"}) if url else None


def staged_path(desk: Desk, row: VariantRow, kind: Kind) -> Path:
    """Return where a clip's own file lies that is not published.

    Raises:
        NoMedia: it never came to be, or is not on this machine.
    """
    clip = row.clip
    if clip is None:
        raise NoMedia(f"No clip came of variant {row.variant_id[:12]}; it is {row.state}.")
    wiring = session_of(desk, row).wiring
    if not is_within_reach(wiring, clip):
        raise NoMedia(f"Clip {row.variant_id[:12]} lies on another machine and is not published; look at it there.")
    if kind not in ("clip", "poster"):
        raise NoMedia(f"Clip {row.variant_id[:12]} is {row.state}; it has a {kind} once it is published.")
    if kind == "poster":
        path = poster_brought_here(wiring, clip)
    else:
        here = brought_here(wiring, clip) if clip.machine == SHARED else clip
        path = here.path if here else None
    if path is None or not path.is_file():
        raise NoMedia(f"The {kind} of {row.variant_id[:12]} is gone from this machine; it can be re-rolled.")
    return path


def _staged(desk: Desk, row: VariantRow, kind: Kind) -> Response:
    return _file(staged_path(desk, row, kind), kind)


def _file(path: Path, kind: Kind) -> Response:
    headers = {"Cache-Control": "private, max-age=86400"}
    if kind == "poster":  # small, and sixty a page: whole from memory in a third of the time
        return Response(path.read_bytes(), media_type=TYPES[kind], headers=headers)
    return FileResponse(path, media_type=TYPES[kind], headers=headers)
