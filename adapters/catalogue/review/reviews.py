"""What people said of clips: reviews with reason codes, blind second reviews, comments."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, insert, select, update

from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.store import Store
from adapters.catalogue.core.tables import campaigns, comments, database_now, memberships, reviews, variants
from adapters.catalogue.review.audit import append, lock_head
from manifests.errors import CatalogueError

REVIEW_CODES: Mapping[str, str] = {
    "prompt": "does not show what was asked",
    "brand": "off brand",
    "anatomy": "hands, faces or bodies are wrong",
    "text": "garbled text or logos",
    "motion": "motion is odd or missing",
    "artefacts": "artefacts or flicker",
    "unsafe": "unsafe or offensive",
    "legal": "rights or legal doubt",
    "duplicate": "too like another clip",
    "other": "something else",
}
"""Reason codes of a rejection, with what they mean."""


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One person's word on a clip.

    Attributes:
        at: seconds since 1970.
        outcome: approved or rejected.
        codes: keys of REVIEW_CODES.
        blind: given without seeing score or first decision; it moves nothing.
        undone: taken back by its author.
    """

    review_id: int
    variant_id: str
    author: str
    at: float
    outcome: str
    codes: tuple[str, ...] = ()
    reason: str = ""
    blind: bool = False
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote about a clip; ``clip_s`` is the moment in the clip, in seconds, or None."""

    comment_id: int
    variant_id: str
    author: str
    at: float
    body: str
    clip_s: float | None = None


class Reviews(Store):
    """Comments, second reviews, and what a campaign's reviews say."""

    def reviews(self, campaign_id: str | None = None, *, variant_id: str | None = None) -> list[ReviewRow]:
        """Return reviews of a campaign's clips, of one clip or of all, the oldest first."""
        query = select(reviews).order_by(reviews.c.review_id)
        if variant_id is not None:
            query = query.where(reviews.c.variant_id == variant_id)
        if campaign_id is not None:
            query = query.where(
                reviews.c.variant_id.in_(
                    select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
                )
            )
        with self._reading() as connection:
            return [_review(row) for row in connection.execute(query)]

    def add_comment(self, variant_id: str, author: str, body: str, clip_s: float | None = None) -> None:
        """Keep a comment.

        Raises:
            CatalogueError: it is empty, or the variant is not here.
        """
        if not body.strip():
            raise CatalogueError("The comment is empty; write something.")
        row = {"variant_id": variant_id, "author": clean(author), "body": clean(body.strip()), "clip_s": clip_s}
        with self._writing() as connection:
            if not connection.execute(select(variants.c.variant_id).where(variants.c.variant_id == variant_id)).first():
                raise CatalogueError(f"The catalogue holds no variant {variant_id!r}.")
            connection.execute(insert(comments), row)
            append(connection, author, "commented", [(variant_id, {"body": row["body"], "clip_s": clip_s})])

    def comments(self, variant_id: str) -> list[Comment]:
        """Return the comments on a clip, the oldest first."""
        query = select(comments).where(comments.c.variant_id == variant_id).order_by(comments.c.comment_id)
        with self._reading() as connection:
            return [
                Comment(row.comment_id, row.variant_id, row.author, row.at, row.body, row.clip_s)
                for row in connection.execute(query)
            ]

    def set_second_share(self, campaign_id: str, share: float, actor: str) -> None:
        """Let this share of a campaign's decided clips be reviewed blind by a second person, 0..1."""
        if not 0 <= share <= 1:
            raise CatalogueError(f"A share of {share:g} is none; give a number from 0 to 1.")
        with self._writing() as connection:
            _set(connection, campaign_id, second_share=share)
            append(connection, actor, "second review", [(campaign_id, {"second_share": share})])

    def set_threshold(self, campaign_id: str, card: str, min_adherence: float | None, actor: str) -> None:
        """Set the threshold of a card's clips in briefs that name none of their own; None leaves it to the card."""
        if min_adherence is not None and not -1 <= min_adherence <= 1:
            raise CatalogueError(f"A threshold of {min_adherence:g} is no cosine; give a number from -1 to 1.")
        with self._writing() as connection:
            lock_head(connection)
            kept = connection.execute(
                select(campaigns.c.thresholds).where(campaigns.c.campaign_id == campaign_id)
            ).scalar()
            thresholds = json.loads(kept or "{}") | {card: min_adherence}
            _set(
                connection,
                campaign_id,
                thresholds=to_text({name: value for name, value in thresholds.items() if value is not None}),
            )
            append(connection, actor, "threshold", [(campaign_id, {"card": card, "min_adherence": min_adherence})])

    def second_reviews(self, campaign_id: str, reader: str, limit: int = 60) -> list[str]:
        """Return the decided clips of the campaign's share on which ``reader`` has not yet said a word.

        Which clips fall into the share is decided by their ids, so that nobody chooses them.
        """
        with self._reading() as connection:
            share = (
                connection.execute(
                    select(campaigns.c.second_share).where(campaigns.c.campaign_id == campaign_id)
                ).scalar()
                or 0.0
            )
            rows = connection.execute(self._undoubled(campaign_id, reader, _bound(share)).limit(limit))
            return list(rows.scalars())

    def add_second_review(
        self, variant_id: str, author: str, outcome: str, codes: Sequence[str] = (), reason: str = ""
    ) -> None:
        """Keep a blind review; it moves nothing.

        Raises:
            CatalogueError: its author has reviewed the clip already, or nobody has.
        """
        with self._writing() as connection:
            earlier = connection.execute(
                select(reviews.c.author, reviews.c.blind).where(
                    reviews.c.variant_id == variant_id, reviews.c.undone_at.is_(None)
                )
            ).all()
            if not any(not row.blind for row in earlier) or any(row.author == author for row in earlier):
                raise CatalogueError("A second review is given by somebody else, once the first is there.")
            if any(row.blind for row in earlier):
                raise CatalogueError("Somebody else has given the second review meanwhile; go on to the next.")
            write_reviews(connection, [variant_id], author, outcome, codes, reason, blind=True)
            append(
                connection,
                author,
                "second review",
                [(variant_id, {"outcome": outcome, "codes": list(codes), "reason": reason})],
            )

    @staticmethod
    def _undoubled(campaign_id: str, reader: str, bound: str) -> Select[Any]:
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


def _set(connection: Connection, campaign_id: str, **values: Any) -> None:
    changed = connection.execute(
        update(campaigns).where(campaigns.c.campaign_id == campaign_id).values(**values)
    ).rowcount
    if not changed:
        raise CatalogueError(f"No campaign in the catalogue is called {campaign_id!r}.")


def write_reviews(
    connection: Connection,
    variant_ids: Collection[str],
    author: str,
    outcome: str,
    codes: Sequence[str] = (),
    reason: str = "",
    *,
    blind: bool = False,
    undo_s: float = 0.0,
) -> None:
    """Add a review of each variant; delivery leaves an approved clip alone for ``undo_s`` seconds.

    Raises:
        CatalogueError: a reason code that there is none.
    """
    if unknown := [code for code in codes if code not in REVIEW_CODES]:
        raise CatalogueError(f"{unknown[0]!r} is no reason code; use {', '.join(REVIEW_CODES)}.")
    row = {
        "author": clean(author),
        "outcome": outcome,
        "codes": to_text(list(codes)),
        "reason": clean(reason),
        "blind": int(blind),
    }
    connection.execute(
        insert(reviews).values(undo_until=database_now() + undo_s if undo_s else None),
        [{"variant_id": variant_id, **row} for variant_id in variant_ids],
    )


def undoable() -> ColumnElement[bool]:
    """True of a variant whose approval can still be taken back."""
    return exists().where(
        reviews.c.variant_id == variants.c.variant_id,
        reviews.c.undone_at.is_(None),
        reviews.c.undo_until > database_now(),
    )


def _bound(share: float) -> str:
    """Return the id below which so large a share of all ids lies; ``g`` stands above every hex digit."""
    return "g" if share >= 1 else f"{int(share * 16**8):08x}"


def _review(row: Any) -> ReviewRow:
    return ReviewRow(
        row.review_id,
        row.variant_id,
        row.author,
        row.at,
        row.outcome,
        tuple(json.loads(row.codes)),
        row.reason,
        bool(row.blind),
        row.undone_at is not None,
    )
