"""Reviews of clips: decisions of people, with undo, and comments."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    exists,
    func,
    insert,
    select,
    update,
)

from adapters.catalogue.core.database import Part
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.state_changes import SYSTEM, move, pick
from adapters.catalogue.core.tables import comments, database_now, events, memberships, reviews, variants
from adapters.catalogue.review.audit import append
from manifests.errors import CatalogueError, NotFoundError
from manifests.states import STATES, State

REVIEW_CODES: Mapping[str, str] = {
    "prompt": "does not match the prompt",
    "brand": "off brand",
    "anatomy": "wrong hands, faces or bodies",
    "text": "garbled text or logos",
    "motion": "wrong or missing motion",
    "artefacts": "artefacts or flicker",
    "unsafe": "unsafe or offensive",
    "legal": "rights or legal concerns",
    "duplicate": "too similar to another clip",
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


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision did.

    Attributes:
        moved: ids of the variants that were moved.
        refused: why not, a sentence by id of each of the others.
    """

    moved: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


class Reviews(Part):
    """Record and read people's decisions and comments."""

    def all(self, campaign_id: str | None = None, *, variant_id: str | None = None) -> list[ReviewRow]:
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
        with self._db.reading() as connection:
            return [_review(row) for row in connection.execute(query)]

    def add_comment(self, variant_id: str, author: str, body: str, clip_s: float | None = None) -> None:
        """Keep a comment.

        Raises:
            CatalogueError: it is empty, or the variant is not here.
        """
        if not body.strip():
            raise CatalogueError("The comment is empty. Enter a comment.")
        row = {"variant_id": variant_id, "author": clean(author), "body": clean(body.strip()), "clip_s": clip_s}
        with self._db.writing() as connection:
            if not connection.execute(select(variants.c.variant_id).where(variants.c.variant_id == variant_id)).first():
                raise NotFoundError(f"The catalogue holds no variant {variant_id!r}.")
            connection.execute(insert(comments), row)
            append(connection, author, "commented", [(variant_id, {"body": row["body"], "clip_s": clip_s})])

    def comments(self, variant_id: str) -> list[Comment]:
        """Return the comments on a clip, the oldest first."""
        query = select(comments).where(comments.c.variant_id == variant_id).order_by(comments.c.comment_id)
        with self._db.reading() as connection:
            return [
                Comment(row.comment_id, row.variant_id, row.author, row.at, row.body, row.clip_s)
                for row in connection.execute(query)
            ]

    def record(
        self,
        seen: Mapping[str, int],
        outcome: str,
        actor: str,
        *,
        reason: str = "",
        codes: Sequence[str] = (),
        undo_s: float = 0.0,
    ) -> Decided:
        """Approve, reject or withdraw clips as their reviewer saw them.

        A passed clip may be approved; a failed one with a reason. Both may be rejected: to reject a
        failed one is to agree with the gate. A published one may be withdrawn.

        Args:
            seen: by variant id, the last event that the reviewer's page knew of; one that has moved since
                is refused, never decided over somebody's head.
            outcome: ``approved``, ``rejected`` or ``withdrawn``.
            undo_s: seconds for which delivery leaves approved clips alone, so that ``undo`` can take it back.
        """
        may_be: dict[str, tuple[State, ...]] = {
            State.APPROVED: (State.PASSED, State.FAILED) if reason else (State.PASSED,),
            State.REJECTED: (State.PASSED, State.FAILED),
            State.WITHDRAWN: (State.PUBLISHED,),
        }
        sources = may_be[outcome]
        with self._db.writing() as connection:
            picked = pick(connection, seen, STATES)
            refused = _refusals(connection, seen, picked, outcome, sources)
            moved = {key: state for key, state in picked.items() if key not in refused}
            record_decision(
                connection,
                moved,
                outcome,
                actor,
                {"tries": 0} if outcome == State.APPROVED else {},
                codes=codes,
                undo_s=undo_s if outcome == State.APPROVED else 0.0,
                reason=clean(reason),
            )
        return Decided(tuple(moved), refused)

    def undo(self, variant_ids: Iterable[str], actor: str, *, anybodys: bool = False) -> Decided:
        """Approved or rejected → what it was, where nothing was sent.

        Args:
            anybodys: take back what other people have decided as well; else only what the actor has. What the
                policy has approved is the policy's: it would only do so again.
        """
        wanted = list(dict.fromkeys(variant_ids))
        with self._db.writing() as connection:
            picked = pick(connection, wanted, (State.APPROVED, State.REJECTED), variants.c.lease_owner.is_(None))
            mine = {
                row.variant_id: row
                for row in _last_decisions(connection, picked)
                if row.actor == actor or (anybodys and row.actor != SYSTEM)
            }
            for state in (State.PASSED, State.FAILED):
                back = {key: picked[key] for key, row in mine.items() if row.from_state == state}
                move(connection, back, state, actor, {}, undone=True)
                append(connection, actor, state, [(key, {"undone": picked[key]}) for key in back])
            _take_back_reviews(connection, mine)
        rule = (
            "This decision cannot be undone, because someone else made it or the clip is being published. "
            "A published clip can be withdrawn."
        )
        return Decided(tuple(mine), {key: rule for key in wanted if key not in mine})


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
        raise CatalogueError(f"Unknown reason code {unknown[0]!r}. Use {', '.join(REVIEW_CODES)}.")
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


def _refusals(
    connection: Connection, seen: Mapping[str, int], picked: Mapping[str, str], outcome: str, sources: Sequence[str]
) -> dict[str, str]:
    """Return why not, for each variant that is not as it was seen, or may not be decided so."""
    last = {row.variant_id: row for row in _last_events(connection, picked)}
    clips = set(
        connection.execute(
            select(variants.c.variant_id).where(variants.c.variant_id.in_(list(picked)), variants.c.clip.is_not(None))
        ).scalars()
    )
    refused: dict[str, str] = {}
    for key, event_id in seen.items():
        if key not in picked:
            refused[key] = "This clip is not in the catalogue."
        elif last[key].event_id != event_id:
            refused[key] = f"This clip has changed: {last[key].actor} set it to {picked[key]}. Review it again."
        elif picked[key] == State.FAILED and outcome == State.APPROVED and State.FAILED not in sources:
            refused[key] = "This clip failed the gate. Enter a reason to approve it anyway."
        elif picked[key] not in sources:
            refused[key] = f"This clip is {picked[key]}. Only {' and '.join(sources)} clips can be {outcome}."
        elif outcome == State.APPROVED and key not in clips:
            refused[key] = "This variant has no clip to approve. Regenerate it."
    return refused


def _last_events(connection: Connection, variant_ids: Iterable[str], *conditions: Any) -> Sequence[Any]:
    newest = (
        select(func.max(events.c.event_id))
        .where(events.c.variant_id.in_(list(variant_ids)), *conditions)
        .group_by(events.c.variant_id)
    )
    return connection.execute(select(events).where(events.c.event_id.in_(newest))).all()


def _last_decisions(connection: Connection, picked: Mapping[str, str]) -> list[Any]:
    """Return the last event of each variant, where it is the one that brought it to its state."""
    return [row for row in _last_events(connection, picked) if row.to_state == picked[row.variant_id]]


def _take_back_reviews(connection: Connection, variant_ids: Iterable[str]) -> None:
    newest = (
        select(func.max(reviews.c.review_id))
        .where(reviews.c.variant_id.in_(list(variant_ids)), reviews.c.blind == 0)
        .group_by(reviews.c.variant_id)
    )
    connection.execute(
        update(reviews).where(reviews.c.review_id.in_(newest.scalar_subquery())).values(undone_at=database_now())
    )


def record_decision(
    connection: Connection,
    picked: Mapping[str, str],
    to_state: str,
    actor: str,
    values: dict[str, Any],
    *,
    codes: Sequence[str] = (),
    undo_s: float = 0.0,
    **detail: Any,
) -> None:
    """Move with events; a person's decision goes into the audit, and a verdict on a clip into the reviews."""
    if not picked:
        return
    detail |= {"codes": list(codes)} if codes else {}
    move(connection, picked, to_state, actor, values, **detail)
    if actor == SYSTEM:
        return
    append(connection, actor, to_state, [(key, {"from": state, **detail}) for key, state in picked.items()])
    if to_state in (State.APPROVED, State.REJECTED):
        write_reviews(connection, picked, actor, to_state, codes, str(detail.get("reason", "")), undo_s=undo_s)
