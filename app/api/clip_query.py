"""The filters of GET /api/clips. The gallery has the same ones, but forgives what a form may leave empty."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from adapters.catalogue import STATES
from adapters.catalogue.views.gallery import ORDERS
from app.api.records import OneOf, Text
from app.dashboard.filters import DEFAULT_ORDER, GalleryQuery
from app.dashboard.routes.gallery import GATE_CODES

CURSOR = r"^-?[0-9]{1,15}(\.[0-9]{1,30})?(e-[0-9]{1,3})?~[0-9a-f]{32}$"
MAX_SEED = 9_999_999_999


def _iso_date(value: Any) -> Any:
    """Refuse numbers, which pydantic reads as seconds since 1970."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise PydanticCustomError("date", "enter the date as YYYY-MM-DD, for example 2026-11-24")
    return value


Day = Annotated[date, BeforeValidator(_iso_date)]
Cursor = Annotated[str, StringConstraints(pattern=CURSOR)]
Score = Annotated[float, Query(ge=-1, le=1, allow_inf_nan=False)]


async def _clip_query(
    state: Annotated[
        list[Annotated[str, OneOf(STATES)]] | None, Query(description="State; repeat for several states")
    ] = None,
    campaign: Annotated[Text, Query(description="Campaign id")] = "",
    brief: Annotated[Text, Query(description="Brief id")] = "",
    placement: Annotated[Text, Query(description="Placement")] = "",
    locale: Annotated[Text, Query(description="Locale")] = "",
    verdict: Annotated[Literal["passed", "failed"] | None, Query(description="Verdict of the gate")] = None,
    reason: Annotated[Annotated[str, OneOf(GATE_CODES)] | None, Query(description="Failure reason of the gate")] = None,
    lowest: Annotated[Score | None, Query(description="Lowest prompt adherence, -1 to 1")] = None,
    highest: Annotated[Score | None, Query(description="Highest prompt adherence, -1 to 1")] = None,
    model: Annotated[Text, Query(description="Name of the model card")] = "",
    since: Annotated[Day | None, Query(description="Created on or after this date (UTC), as YYYY-MM-DD")] = None,
    until: Annotated[Day | None, Query(description="Created on or before this date (UTC), as YYYY-MM-DD")] = None,
    q: Annotated[Text, Query(description="Text in the prompt, or a clip id")] = "",
    seed: Annotated[Annotated[int, Query(ge=0, le=MAX_SEED)] | None, Query(description="Seed")] = None,
    reviewed: Annotated[
        Literal["yes", "no"] | None, Query(description="Whether a person has reviewed the clip")
    ] = None,
    parent: Annotated[Text, Query(description="Id of the clip that was regenerated")] = "",
    details: Annotated[
        Text, Query(description="Text in the columns locale, cta, notes or another column of the sheet")
    ] = "",
    order: Annotated[
        Annotated[str, OneOf(tuple(ORDERS))],
        Query(description="Sort order; score is highest first, -score lowest first"),
    ] = DEFAULT_ORDER,
) -> GalleryQuery:
    given: dict[str, object] = {
        "campaign": campaign,
        "brief": brief,
        "placement": placement,
        "locale": locale,
        "verdict": verdict,
        "reason": reason,
        "lowest": lowest,
        "highest": highest,
        "model": model,
        "since": since,
        "until": None if until == date.max else until,
        "q": q,
        "seed": seed,
        "reviewed": reviewed,
        "parent": parent,
        "details": details,
        "order": order,
    }
    texts = {name: str(value) for name, value in given.items() if value is not None}
    return GalleryQuery(texts, tuple(state or ()))


ClipQuery = Annotated[GalleryQuery, Depends(_clip_query)]
