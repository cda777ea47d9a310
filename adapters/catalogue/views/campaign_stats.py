"""Statistics of a campaign, computed in the database for pages that must not read a million rows."""

import json
from collections import Counter
from typing import NamedTuple

from sqlalchemy import Float, Integer, and_, case, cast, exists, func, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import DAMAGED
from adapters.catalogue.core.tables import database_now, events, memberships, variants
from manifests.states import State

BIN = 0.005
"""Width of a score bin, as a cosine similarity."""


PACE_S = 300.0


_RECENT = 20_000
"""Number of newest events that the pace is computed from."""


class ScoreBin(NamedTuple):
    """Clips of a brief and a model with a prompt adherence in ``[lowest, lowest + BIN)``.

    Attributes:
        open: number of clips that pass or fail only because of their adherence, so that the threshold decides.
    """

    brief_id: str
    lowest: float
    number: int
    open: int
    card: str


class CardWork(NamedTuple):
    """A campaign's generated clips of one card."""

    card: str
    made: int


class CampaignStatsView(CataloguePart):
    """Statistics for the pages of campaigns."""

    def score_bins(self, campaign_id: str) -> list[ScoreBin]:
        """Return the distribution of the scores of a campaign's clips, by brief and model."""
        place = cast(func.floor(variants.c.sort_score / BIN), Integer)
        reasons = variants.c.reasons
        # JSON writes a quote within a sentence as \", so this text occurs only between two reasons.
        only_adherence = and_(reasons.like('[["adherence",%'), ~reasons.like('%"],["%'))
        is_open = case(((reasons == "[]") | only_adherence, 1), else_=0)
        counted = (
            select(memberships.c.brief_id, memberships.c.variant_id)
            .distinct()
            .where(memberships.c.campaign_id == campaign_id)
            .subquery()
        )
        query = (
            select(
                counted.c.brief_id,
                variants.c.card,
                place.label("place"),
                func.count().label("number"),
                func.sum(is_open).label("open"),
            )
            .join(variants, variants.c.variant_id == counted.c.variant_id)
            .where(variants.c.sort_score >= -1.0)
            .group_by(counted.c.brief_id, variants.c.card, place)
            .order_by(counted.c.brief_id, variants.c.card, place)
        )
        with self._db.reading() as connection:
            return [
                ScoreBin(row.brief_id, round(row.place * BIN, 6), row.number, int(row.open), row.card)
                for row in connection.execute(query)
            ]

    def reasons(self, campaign_id: str) -> dict[str, int]:
        """Return how often each reason code occurs among the campaign's failed clips, most frequent first.

        Variants that a fallback replaces are left out.
        """
        mine = select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
        used = variants.alias()
        is_replaced = exists().where(used.c.parent_id == variants.c.variant_id, used.c.card != variants.c.card)
        codes = func.substr(variants.c.reasons, 1, 400)
        query = (
            select(codes.label("reasons"), func.count().label("number"))
            .where(variants.c.state == State.FAILED, variants.c.variant_id.in_(mine), ~is_replaced)
            .group_by(codes)
        )
        found: Counter[str] = Counter()
        with self._db.reading() as connection:
            for row in connection.execute(query):
                for code in _codes(row.reasons):
                    found[code] += row.number
        return dict(found.most_common())

    def generated_by_card(self, campaign_id: str) -> list[CardWork]:
        """Return how many clips of each card the campaign has."""
        mine = select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
        query = (
            select(variants.c.card, func.count().label("made"))
            .where(variants.c.clip.is_not(None), variants.c.variant_id.in_(mine))
            .group_by(variants.c.card)
        )
        with self._db.reading() as connection:
            return [CardWork(row.card, row.made) for row in connection.execute(query)]

    def pace(self, campaign_id: str) -> float:
        """Return how many clips of the campaign were judged per second over the last minutes."""
        newest = select(func.max(events.c.event_id)).scalar_subquery()
        mine = select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
        query = select(func.count(), func.min(events.c.at), cast(database_now(), Float)).where(
            events.c.event_id > newest - _RECENT,
            events.c.at > database_now() - PACE_S,
            events.c.from_state == State.RENDERED,
            events.c.to_state.in_((State.PASSED, State.FAILED)),
            events.c.variant_id.in_(mine),
        )
        with self._db.reading() as connection:
            number, first, now = connection.execute(query).one()
        return number / max(now - first, 1.0) if number > 1 else 0.0


def _codes(text: str | None) -> list[str]:
    """Return the reason codes, even if the text was truncated."""
    try:
        return [str(code) for code, *_ in json.loads(text or "[]")]
    except DAMAGED:
        return [part.partition('"')[0] for part in (text or "").split('["')[1:]]
