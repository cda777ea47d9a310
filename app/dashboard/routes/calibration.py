"""Calibration: compare the gate with reviews, and propose a better threshold."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from adapters.catalogue import CampaignRow
from adapters.catalogue.review.labels import LabelRow
from app.dashboard.auth.roles import Admin, Viewer
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from app.dashboard.templating import page
from app.session import Session
from manifests.errors import ReelmillError
from manifests.scoring.calibration import Label, Point, agreement, at, best_precision, curve, doubts, is_enough, propose
from tasks.review.calibrate import apply_threshold

router = APIRouter(route_class=LimitedRoute)
CHART = (640, 240)
MAX_POINTS = 400


@router.get("/calibration")
@does(Work.REPORTS)
def calibration(
    request: Request, deps: PageDeps, person: Viewer, campaign: str = "", model: str = "", precision: str = ""
) -> HTMLResponse:
    """Show how well thresholds agree with reviews, by campaign and model; scores of two models are not comparable."""
    head = deps.catalogue.campaigns.get(campaign) if campaign else None
    rows = deps.catalogue.labels.all(head.campaign_id if head else None)
    reviewed = sorted({row.card for row in rows})
    models = reviewed or [deps.session.settings.model]
    model = model if model in models else models[0]
    mine = [row for row in rows if row.card == model]
    now = _threshold(deps, head, model)
    labels, wanted = labels_of(mine), _percent(precision)
    return page(
        request,
        "calibration.html",
        head=head,
        campaigns=deps.catalogue.campaigns.all(),
        models=models,
        model=model,
        labels=labels,
        here=at(labels, now),
        now=now,
        doubts=doubts(labels),
        agreement=agreement(pairs_of(mine)),
        precision=precision,
        chart=_chart(curve(labels), now),
        proposal=propose(labels, now, wanted) if is_enough(labels) else None,
        enough=is_enough(labels),
        best=best_precision(labels),
        wanted=wanted or 0.0,
        own=_own(deps, head),
    )


@router.post("/calibration/apply")
@does(Work.REPORTS)
def apply(
    request: Request,
    deps: PageDeps,
    person: Admin,
    campaign: Annotated[str, Form()] = "",
    model: Annotated[str, Form()] = "",
    threshold: Annotated[str, Form()] = "",
) -> Response:
    """Set the threshold of a campaign and model, and gate undecided clips again; empty restores the model's default."""
    session, campaign_id = Session.of_campaign(campaign)
    try:
        value = float(threshold) if threshold.strip() else None
    except ValueError:
        raise ReelmillError(f"The threshold {threshold!r} is not a number. Enter a number from -1 to 1.") from None
    if model not in session.cards:
        raise ReelmillError(f"Unknown model {model!r}. Select a model on the calibration page.")
    applied = apply_threshold(
        session.resources, campaign_id, model, value, person.actor, session.settings.max_rank_share
    )
    deps.stats_cache.clear()
    deps.deliveries.schedule([campaign_id])
    return page(
        request, "applied.html", head=deps.catalogue.campaigns.get(campaign_id), model=model, changed=applied.changed
    )


@router.get("/calibration/apply")
def applied(person: Viewer) -> Response:
    """Redirect a reload of the confirmation page to the calibration page."""
    return RedirectResponse("/calibration", 303)


def labels_of(rows: Iterable[LabelRow]) -> list[Label]:
    """Return one label for each clip: its first review that is not blind."""
    first: dict[str, Label] = {}
    for row in rows:
        if not row.blind:
            first.setdefault(row.variant_id, Label(row.score, row.approved, row.only_adherence, row.passes))
    return list(first.values())


def pairs_of(rows: Iterable[LabelRow]) -> list[tuple[bool, bool]]:
    """Return the first and second decision on every clip that two different people reviewed."""
    first: dict[str, LabelRow] = {}
    second: dict[str, LabelRow] = {}
    for row in rows:
        (second if row.blind else first).setdefault(row.variant_id, row)
    return [
        (first[key].approved, row.approved)
        for key, row in second.items()
        if key in first and first[key].author != row.author
    ]


def _threshold(deps: Deps, head: CampaignRow | None, model: str) -> float:
    if head and model in head.thresholds:
        return head.thresholds[model]
    card = deps.session.cards.get(model)
    return card.inputs.min_adherence if card else 0.0


def _own(deps: Deps, head: CampaignRow | None) -> int:
    briefs = deps.catalogue.campaigns.briefs(head.campaign_id) if head else ()
    return sum(brief.min_adherence is not None for brief in briefs)


def _percent(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text.strip().rstrip("%"))
    except ValueError:
        value = -1.0
    if not 1 <= value <= 100:
        raise ReelmillError(f"The precision {text!r} is invalid. Enter a percentage from 1 to 100, or leave it empty.")
    return value / 100


def _chart(points: list[Point], now: float) -> dict[str, Any] | None:
    """Return the polylines of precision and recall, and the data for the slider."""
    if len(points) < 2:
        return None
    data = [(point.threshold, point.true_passes, point.false_passes, point.missed) for point in points]
    step = max(1, len(points) // MAX_POINTS)
    points = points[::step] + ([points[-1]] if (len(points) - 1) % step else [])
    width, height = CHART
    low, high = min(points[0].threshold, now), max(points[-1].threshold, now)
    across = {point.threshold: (point.threshold - low) / (high - low) * width for point in points}

    def line(name: str) -> str:
        return " ".join(
            f"{across[point.threshold]:.1f},{height - height * (getattr(point, name).value or 0.0):.1f}"
            for point in points
        )

    return {
        "precision": line("precision"),
        "recall": line("recall"),
        "low": low,
        "high": high,
        "width": width,
        "height": height,
        "points": points,
        "step": step,
        "data": json.dumps(data),
    }
