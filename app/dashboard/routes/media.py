"""Posters, clips, sidecars and records, from this machine's disk or from the bucket."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from adapters.bucket.base import PRESIGNED_S
from adapters.catalogue import VariantRow
from app.dashboard.auth.roles import Viewer
from app.dashboard.campaign_buckets import session_of
from app.dashboard.capacity.file_response import BlockFileResponse
from app.dashboard.capacity.route import LimitedRoute, person_key, site_key
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from manifests.errors import ReelmillError
from manifests.states import State
from tasks.deliver.keys import is_of_variant
from tasks.runtime.files.shared_staging import SHARED, fetch_poster, fetch_staged, is_reachable
from tasks.runtime.files.staging import Staging, is_own_file
from tasks.runtime.resources import bucket_of

router = APIRouter(route_class=LimitedRoute)
TYPES = {"clip": "video/mp4", "poster": "image/jpeg", "sidecar": "application/c2pa", "record": "application/json"}
ENDINGS = {"clip": ".mp4", "poster": ".jpg", "sidecar": ".c2pa", "record": ".json"}
_ID = re.compile(r"[0-9a-f]{32}")
Kind = Literal["clip", "poster", "sidecar", "record"]


async def file_slot(request: Request, deps: PageDeps) -> AsyncIterator[None]:
    """Count a file that is sent until its client has received it or has disconnected.

    The visitors of a share link count by link and site, apart from people who are signed in. Posters are small and sent
    at once, 60 for a page.
    """
    if request.path_params.get("kind") == "poster":
        yield
        return
    link = request.path_params.get("secret")
    with deps.files.admit_visitor(link, site_key(request)) if link else deps.files.admit(person_key(request)):
        yield


class MediaNotFoundError(ReelmillError):
    """The file does not exist."""


@router.get("/media/{variant_id}/poster")
@does(Work.MEDIA)
def poster(variant_id: str, deps: PageDeps, person: Viewer) -> Response:
    """Return the poster: the middle frame of the clip."""
    return poster_response(deps, variant_id)


@router.get("/media/{variant_id}/clip", dependencies=[Depends(file_slot)])
@does(Work.MEDIA)
def clip(variant_id: str, deps: PageDeps, person: Viewer) -> Response:
    """Return the clip, or the part requested by a Range header."""
    return clip_response(deps, _row(deps, variant_id))


@router.get("/media/{variant_id}/download/{kind}", dependencies=[Depends(file_slot)])
@does(Work.MEDIA)
def download(variant_id: str, kind: Kind, deps: PageDeps, person: Viewer) -> Response:
    """Download a published file from the bucket, or the unsigned clip or poster before publishing."""
    return download_response(deps, variant_id, kind)


def download_response(deps: Deps, variant_id: str, kind: Kind) -> Response:
    """Return a file as a download with a readable name."""
    row = _row(deps, variant_id)
    name = f"{row.variant.card}-{variant_id[:12]}{ENDINGS[kind]}"
    response = _published(deps, row, kind) or _staged(deps, row, kind)
    if not isinstance(response, RedirectResponse):
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def poster_response(deps: Deps, variant_id: str) -> Response:
    """Return the poster; one on this machine is served without a catalogue query."""
    if _ID.fullmatch(variant_id):
        staged = deps.session.resources.staging / variant_id[:2] / variant_id / "poster.jpg"
        if staged.is_file():
            return _file(staged, "poster")
    row = _row(deps, variant_id)
    return _published(deps, row, "poster") or _staged(deps, row, "poster")


def clip_response(deps: Deps, row: VariantRow) -> Response:
    """Return the master if it is on this machine, otherwise the published clip."""
    resources = deps.session.resources
    if row.clip and row.clip.machine == resources.machine:
        path = Staging(resources.staging).located(row.clip).path
        if is_own_file(path):
            return _file(path, "clip")
    return _published(deps, row, "clip") or _staged(deps, row, "clip")


def published_path(deps: Deps, row: VariantRow, kind: Kind) -> Path | None:
    """Return the local path of a published file, or None if it is not on this machine."""
    key = published_key(row, kind)
    return bucket_of(session_of(deps, row).resources).local_path(key) if key else None


def published_key(row: VariantRow, kind: Kind) -> str:
    """Return the bucket key of a file of the clip, or an empty string if the clip is not published."""
    signed = row.signed
    if row.state != State.PUBLISHED or signed is None:
        return ""
    key = {
        "clip": signed.key,
        "poster": signed.poster_key,
        "sidecar": signed.sidecar_key,
        "record": signed.record_key,
    }[kind]
    return key if is_of_variant(key, row.variant_id) else ""


def _row(deps: Deps, variant_id: str) -> VariantRow:
    return deps.catalogue.variants.get(variant_id)


def _published(deps: Deps, row: VariantRow, kind: Kind) -> Response | None:
    if not (key := published_key(row, kind)):
        return None
    bucket = bucket_of(session_of(deps, row).resources)
    if path := bucket.local_path(key):
        return _file(path, kind)
    url = bucket.presigned(key, PRESIGNED_S)
    return RedirectResponse(url, 302, {"Cache-Control": f"private, max-age={PRESIGNED_S // 2}"}) if url else None


def staged_path(deps: Deps, row: VariantRow, kind: Kind) -> Path:
    """Return the path of a file of an unpublished clip.

    Raises:
        MediaNotFoundError: the file does not exist, or is not on this machine.
    """
    clip = row.clip
    if clip is None:
        raise MediaNotFoundError(f"Variant {row.variant_id[:12]} has no clip. Its state is {row.state}.")
    resources = session_of(deps, row).resources
    if not is_reachable(resources, clip):
        raise MediaNotFoundError(
            f"Clip {row.variant_id[:12]} is stored on another machine. Open the dashboard there, or publish the clip."
        )
    if kind not in ("clip", "poster"):
        raise MediaNotFoundError(
            f"Clip {row.variant_id[:12]} has no {kind} yet. It is created when the clip is published."
        )
    if kind == "poster":
        path = fetch_poster(resources, clip)
    else:
        here = fetch_staged(resources, clip) if clip.machine == SHARED else Staging(resources.staging).located(clip)
        path = here.path if here else None
    if path is None or not is_own_file(path):
        raise MediaNotFoundError(
            f"The {kind} of {row.variant_id[:12]} is missing on this machine. Regenerate the clip to replace it."
        )
    return path


def _staged(deps: Deps, row: VariantRow, kind: Kind) -> Response:
    return _file(staged_path(deps, row, kind), kind)


def _file(path: Path, kind: Kind) -> Response:
    headers = {"Cache-Control": "private, max-age=86400"}
    if kind == "poster":  # 60 small files per page: reading them at once takes a third of the time
        return Response(path.read_bytes(), media_type=TYPES[kind], headers=headers)
    return BlockFileResponse(path, media_type=TYPES[kind], headers=headers)
