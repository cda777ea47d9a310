"""Reviews together with the scores of the clips, for calibration."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import reasons_in
from adapters.catalogue.core.tables import memberships, reviews, variants
from manifests.states import State


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One review of a scored clip.

    Attributes:
        only_adherence: the gate has no reason other than adherence.
        passes: the clip passes the gate today.
    """

    variant_id: str
    card: str
    score: float
    only_adherence: bool
    passes: bool
    author: str
    approved: bool
    blind: bool


class Labels(CataloguePart):
    """Read labelled scores."""

    def all(self, campaign_id: str | None = None) -> list[LabelRow]:
        """Return the valid reviews of scored clips, of one campaign or of all, oldest first."""
        query = (
            select(
                reviews.c.variant_id,
                reviews.c.author,
                reviews.c.outcome,
                reviews.c.blind,
                variants.c.card,
                variants.c.prompt_adherence,
                variants.c.reasons,
            )
            .join(variants, variants.c.variant_id == reviews.c.variant_id)
            .where(reviews.c.undone_at.is_(None), variants.c.prompt_adherence.is_not(None))
            .order_by(reviews.c.review_id)
        )
        if campaign_id is not None:
            query = query.where(
                reviews.c.variant_id.in_(
                    select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
                )
            )
        with self._db.reading() as connection:
            return [_label(row) for row in connection.execute(query)]


def _label(row: Any) -> LabelRow:
    codes = {reason.code for reason in reasons_in(row.reasons)}
    return LabelRow(
        row.variant_id,
        row.card,
        row.prompt_adherence,
        codes <= {"adherence"},
        not codes,
        row.author,
        row.outcome == State.APPROVED,
        bool(row.blind),
    )
