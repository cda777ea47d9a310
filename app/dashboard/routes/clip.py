"""The page of one clip."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from adapters.c2pa.verifier import CredentialReport, verify
from adapters.catalogue import REVIEW_CODES, SYSTEM, GalleryRow, VariantRow
from app.dashboard.auth.roles import Role, Viewer
from app.dashboard.campaign_buckets import session_of
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.filters import parse_query
from app.dashboard.not_needed import not_needed_of
from app.dashboard.routes.media import published_key, published_path
from app.dashboard.templating import page
from manifests.clip import Clip
from manifests.costs.money import Money
from manifests.errors import CredentialError
from manifests.scoring.gate import LIMITS, Gate
from manifests.states import State
from tasks.plan.fallback import replaced_model
from tasks.plan.thresholds import threshold_of
from tasks.runtime.files.shared_staging import is_reachable
from tasks.runtime.resources import bucket_of, signer_of

router = APIRouter(route_class=LimitedRoute)
MAX_CREDENTIAL_BYTES = 200_000_000
"""Maximum size in bytes of a clip that is fetched from a remote bucket to read its credential."""

EMPTY: tuple[object, ...] = ("", ())
NOT_HOSTED = ("num_frames", "num_inference_steps", "guidance_scale", "profile")
"""Inputs that a provider does not get; the frames of the clip are those of its file."""
CLIP_FACTS = ("size", "device_seconds", "rung", "provider", "codec", "frame_rate", "has_audio", "parent_credential")
HEVC_NOTE = "hevc (not every browser plays it)"


CHECK_LABELS = {
    "nan_share": "invalid pixels",
    "luma_mean": "brightness",
    "luma_spread": "contrast",
    "frame_difference": "movement between frames",
    "motion_share": "speed of the motion, as a share of what the card requires",
    "drift_share": "drift of the colours, as a share of what the card allows",
}
"""Words for measurements whose names are technical terms."""


class CheckRow(NamedTuple):
    """A technical measurement, its limits, and whether it is within them.

    Attributes:
        name: as in the API.
        label: as on the page.
    """

    name: str
    label: str
    value: float
    bounds: str
    ok: bool


@router.get("/clips/{variant_id}")
def clip(request: Request, variant_id: str, deps: PageDeps, person: Viewer) -> HTMLResponse:
    """Show a clip; ``in`` is the query of the gallery, which defines the previous and the next clip."""
    within = request.query_params.get("in", "")
    row = deps.catalogue.variants.get(variant_id)
    [card] = deps.catalogue.gallery.rows([variant_id], parse_query(within).order if within else "score")
    before, after = _neighbours(deps, card, within)
    facts = _facts(deps, row)
    decided = next((event.actor for event in reversed(facts["events"]) if event.to_state == row.state), "")
    may_undo = decided == person.actor or (person.role == Role.ADMIN and decided != SYSTEM)
    return page(
        request,
        "clip.html",
        **facts,
        card=card,
        may_undo=may_undo,
        before=before,
        after=after,
        within=within,
        within_quoted=quote(within, safe=""),
        codes=REVIEW_CODES,
    )


@router.get("/clips/{variant_id}/credential")
@does(Work.CREDENTIALS)
def credential(request: Request, variant_id: str, deps: PageDeps, person: Viewer) -> HTMLResponse:
    """Return the part of the page with the Content Credential of the published file in the bucket."""
    row = deps.catalogue.variants.get(variant_id)
    report, problem = None, ""
    try:
        report = credential_of(deps, row)
    except CredentialError as error:
        problem = str(error)
    oversight = re.search(r'"humanOversightLevel":\s*"(\w+)"', report.store if report else "")
    return page(
        request,
        "_credential.html",
        row=row,
        report=report,
        problem=problem,
        oversight=oversight[1].replace("_", " ") if oversight else "",
    )


def credential_of(deps: Deps, row: VariantRow) -> CredentialReport | None:
    """Verify the credential of a published clip; None if the clip is not published."""
    if row.signed is None or not published_key(row, "clip"):
        return None
    with signer_of(session_of(deps, row).resources) as signer:
        anchors = signer.anchors_pem()
    with _published_file(deps, row) as path:
        return verify(path, anchors, sha256=row.signed.sha256)


@contextmanager
def _published_file(deps: Deps, row: VariantRow) -> Iterator[Path]:
    assert row.signed is not None
    if path := published_path(deps, row, "clip"):
        yield path
        return
    if row.signed.size > MAX_CREDENTIAL_BYTES:
        raise CredentialError(
            f"The clip has {row.signed.size / 1e6:.0f} MB, which is too large to verify here. "
            "Download it and run `reelmill verify`."
        )
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        for piece in bucket_of(session_of(deps, row).resources, patient=False).read_pieces(row.signed.key):
            file.write(piece)
        file.flush()
        yield Path(file.name)


def _neighbours(deps: Deps, card: GalleryRow, within: str) -> tuple[str | None, str | None]:
    """Return the previous and the next clip in the gallery that the person came from."""
    if not within:
        return None, None
    query = parse_query(within)
    before = deps.catalogue.gallery.page(query.filter, query.order, before=card.cursor, limit=1).rows
    after = deps.catalogue.gallery.page(query.filter, query.order, after=card.cursor, limit=1).rows
    return (before[0].variant_id if before else None), (after[0].variant_id if after else None)


def _facts(deps: Deps, row: VariantRow) -> dict[str, Any]:
    names = sorted(deps.catalogue.variants.campaigns_of([row.variant_id]).get(row.variant_id, ()))
    members = [
        (name, member) for name in names for member in deps.catalogue.campaigns.memberships(name, [row.variant_id])
    ]
    return {
        "row": row,
        "is_needed": row.variant_id not in not_needed_of(deps, [row]),
        "members": members,
        "threshold": threshold_of(deps.session.resources, row),
        "allowed_rank": _allowed_rank(deps, row),
        "checks": checks_of(row),
        "settings": _settings(row),
        "events": deps.catalogue.variants.events(variant_id=row.variant_id),
        "deliverables": deps.catalogue.deliverables.of_variant(row.variant_id),
        "comments": deps.catalogue.reviews.comments(row.variant_id),
        "reviews": deps.catalogue.reviews.all(variant_id=row.variant_id),
        "replaced": replaced_model(deps.catalogue, row),
        "children": deps.catalogue.gallery.children(row.variant_id),
        "problems": [deps.deliveries.problems[name] for name in names if name in deps.deliveries.problems],
        "here": row.clip is not None
        and (row.state == State.PUBLISHED or is_reachable(deps.session.resources, row.clip)),
    }


def checks_of(row: VariantRow) -> list[CheckRow]:
    """Return every technical measurement with its limits."""
    checks = row.score.checks if row.score else {}
    return [
        CheckRow(
            name=name.replace("_", " "),
            label=CHECK_LABELS.get(name, name.replace("_", " ")),
            value=value,
            bounds=_bounds(name),
            ok=not (name in LIMITS and LIMITS[name].broken_by(value)),
        )
        for name, value in checks.items()
    ]


def _allowed_rank(deps: Deps, row: VariantRow) -> int:
    share = session_of(deps, row).settings.max_rank_share
    return Gate(0.0, share).allowed_rank(row.score) if row.score else 1


def _bounds(name: str) -> str:
    limit = LIMITS.get(name)
    if limit is None:
        return "no limit"
    parts = [f"at least {limit.lowest:g}"] if limit.lowest > float("-inf") else []
    return " and ".join([*parts, *([f"at most {limit.highest:g}"] if limit.highest < float("inf") else [])])


def _settings(row: VariantRow) -> dict[str, Any]:
    """Return the generation inputs, and the size and device time of the clip."""
    left_out = {"prompt", *(NOT_HOSTED if not row.variant.num_inference_steps else ())}
    inputs = {
        name: value for name, value in row.variant._asdict().items() if name not in left_out and value not in EMPTY
    }
    clip = asdict(row.clip) if row.clip else {}
    facts = {name: clip[name] for name in CLIP_FACTS if clip.get(name)}
    if "size" in facts:
        facts["size"] = f"{facts['size'] / 1000:,.0f} kB"
    if row.clip and row.clip.provider:
        facts |= {"provider": row.clip.provider, "provider job": row.clip.job_id, "cost": _cost_text(row.clip)}
    if facts.get("codec") == "hevc":
        facts["codec"] = HEVC_NOTE
    return inputs | {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in facts.items()}


def _cost_text(clip: Clip) -> str:
    """Return what a provider has billed for a clip."""
    if clip.cost_micros is None:
        return "not known"
    cost = Money(clip.cost_micros, clip.currency)
    return (
        f"{cost} (estimated: the provider has not reported it)" if clip.cost_is_estimate and cost.micros else str(cost)
    )
