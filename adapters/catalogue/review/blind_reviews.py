"""Blind second reviews: a second person reviews a clip without seeing the first decision."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, exists, func, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.tables import campaigns, memberships, reviews
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.replay import SECOND_REVIEW
from adapters.catalogue.review.reviews import write_reviews
from manifests.errors import CatalogueError


class BlindReviews(CataloguePart):
    """Choose clips for a second review, and record it."""

    def pending(self, campaign_id: str, reader: str, limit: int = 60) -> list[str]:
        """Return clips of the campaign's share for second reviews that ``reader`` has not reviewed.

        The share is selected by the ids of the clips, which are hashes, so it cannot be influenced.
        """
        with self._db.reading() as connection:
            share = (
                connection.execute(
                    select(campaigns.c.second_share).where(campaigns.c.campaign_id == campaign_id)
                ).scalar()
                or 0.0
            )
            rows = connection.execute(self._without_second_review(campaign_id, reader, _bound(share)).limit(limit))
            return list(rows.scalars())

    def add(self, variant_id: str, author: str, outcome: str, codes: Sequence[str] = (), reason: str = "") -> None:
        """Record a blind review; the clip's state does not change.

        Raises:
            CatalogueError: the author has reviewed the clip already, or there is no first review.
        """
        with self._db.writing() as connection:
            earlier = connection.execute(
                select(reviews.c.author, reviews.c.blind).where(
                    reviews.c.variant_id == variant_id, reviews.c.undone_at.is_(None)
                )
            ).all()
            if not any(not row.blind for row in earlier) or any(row.author == author for row in earlier):
                raise CatalogueError("A second review needs a first review by another person.")
            if any(row.blind for row in earlier):
                raise CatalogueError("Another person has already reviewed this clip. Continue with the next clip.")
            write_reviews(connection, [variant_id], author, outcome, codes, reason, blind=True)
            detail = {"outcome": outcome, "codes": list(codes), "reason": clean(reason)}
            append(connection, author, SECOND_REVIEW, [(variant_id, detail)])

    @staticmethod
    def _without_second_review(campaign_id: str, reader: str, bound: str) -> Select[Any]:
        mine = exists().where(
            memberships.c.variant_id == reviews.c.variant_id, memberships.c.campaign_id == campaign_id
        )
        second = reviews.alias()
        said = exists().where(
            second.c.variant_id == reviews.c.variant_id,
            second.c.undone_at.is_(None),
            (second.c.author == reader) | (second.c.blind == 1),
        )
        return (
            select(reviews.c.variant_id)
            .where(and_(reviews.c.blind == 0, reviews.c.undone_at.is_(None), mine, ~said, reviews.c.variant_id < bound))
            .group_by(reviews.c.variant_id)
            .order_by(func.min(reviews.c.review_id))
        )


def _bound(share: float) -> str:
    """Return the upper bound of this share of all ids; ``g`` sorts after every hex digit."""
    return "g" if share >= 1 else f"{int(share * 16**8):08x}"
