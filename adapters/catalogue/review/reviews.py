"""Reviews of clips: decisions of people, with undo, and comments."""

import json
from collections import defaultdict
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

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.deliverable_changes import withdraw_deliverables_of
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.seals import clip_sha256_of
from adapters.catalogue.core.state_changes import SYSTEM, lock_variants, transition
from adapters.catalogue.core.tables import comments, database_now, events, memberships, reviews, variants
from adapters.catalogue.log.entries import append
from manifests.errors import CatalogueError, NotFoundError
from manifests.pluralize import any_of
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
"""Reason codes of a rejection and their meanings."""


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One person's decision about a clip.

    Attributes:
        at: seconds since 1970.
        outcome: approved or rejected.
        codes: keys of REVIEW_CODES.
        blind: given without seeing the score or the first decision; does not change the clip's state.
        undone: undone later.
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
    """A comment on a clip; ``clip_s`` is the position in the clip in seconds, or None."""

    comment_id: int
    variant_id: str
    author: str
    at: float
    body: str
    clip_s: float | None = None


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The result of a decision.

    Attributes:
        moved: ids of the variants that changed.
        refused: by id of each other variant, a sentence that says why it did not change.
    """

    moved: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


class Reviews(CataloguePart):
    """Record and read people's decisions and comments."""

    def all(self, campaign_id: str | None = None, *, variant_id: str | None = None) -> list[ReviewRow]:
        """Return the reviews of a campaign, of one clip or of all, oldest first."""
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

    def of_variants(self, variant_ids: Iterable[str]) -> dict[str, list[ReviewRow]]:
        """Return the reviews of some clips by variant id, oldest first; clips without reviews are left out."""
        found: defaultdict[str, list[ReviewRow]] = defaultdict(list)
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                query = select(reviews).where(reviews.c.variant_id.in_(batch)).order_by(reviews.c.review_id)
                for row in connection.execute(query):
                    found[row.variant_id].append(_review(row))
        return dict(found)

    def add_comment(self, variant_id: str, author: str, body: str, clip_s: float | None = None) -> None:
        """Add a comment.

        Raises:
            CatalogueError: it is empty, or the variant does not exist.
        """
        if not body.strip():
            raise CatalogueError("The comment is empty. Enter a comment.")
        row = {"variant_id": variant_id, "author": clean(author), "body": clean(body.strip()), "clip_s": clip_s}
        with self._db.writing() as connection:
            if not connection.execute(select(variants.c.variant_id).where(variants.c.variant_id == variant_id)).first():
                raise NotFoundError(f"The catalogue has no variant {variant_id!r}.")
            connection.execute(insert(comments), row)
            append(connection, author, "commented", [(variant_id, {"body": row["body"], "clip_s": clip_s})])

    def comments(self, variant_id: str) -> list[Comment]:
        """Return the comments on a clip, oldest first."""
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
    ) -> DecisionResult:
        """Approve, reject or withdraw clips in the state in which the reviewer saw them.

        Passed clips can be approved; failed clips only with a reason. Both can be rejected: rejecting a failed clip
        confirms the gate. Published clips can be withdrawn, and their deliverables with them. A variant
        whose generation failed has no clip to decide.

        Args:
            seen: by variant id, the last event that the reviewer saw. A clip that has changed since is refused, so
                that no decision overwrites another.
            outcome: ``approved``, ``rejected`` or ``withdrawn``.
            undo_s: seconds for which delivery does not touch approved clips, so that ``undo`` is possible.
        """
        may_be: dict[str, tuple[State, ...]] = {
            State.APPROVED: (State.PASSED, State.FAILED) if reason else (State.PASSED,),
            State.REJECTED: (State.PASSED, State.FAILED),
            State.WITHDRAWN: (State.PUBLISHED,),
        }
        sources = may_be[outcome]
        with self._db.writing() as connection:
            locked = lock_variants(connection, seen, STATES)
            refused = _refusals(connection, seen, locked, outcome, sources)
            moved = {key: state for key, state in locked.items() if key not in refused}
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
            if outcome == State.WITHDRAWN:
                withdraw_deliverables_of(connection, moved, actor, reason)
        return DecisionResult(tuple(moved), refused)

    def undo(self, variant_ids: Iterable[str], actor: str, *, all_people: bool = False) -> DecisionResult:
        """Approved or rejected → the state before, if delivery has not started.

        Args:
            all_people: also undo decisions of other people, not only those of the actor. Approvals by policy are
                never undone, because the policy would approve again.
        """
        wanted = list(dict.fromkeys(variant_ids))
        with self._db.writing() as connection:
            locked = lock_variants(
                connection, wanted, (State.APPROVED, State.REJECTED), variants.c.lease_owner.is_(None)
            )
            mine = {
                row.variant_id: row
                for row in _last_decisions(connection, locked)
                if row.actor == actor or (all_people and row.actor != SYSTEM)
            }
            for state in (State.PASSED, State.FAILED):
                back = {key: locked[key] for key, row in mine.items() if row.from_state == state}
                transition(connection, back, state, actor, {}, undone=True)
                append(connection, actor, state, [(key, {"undone": locked[key]}) for key in back])
            _undo_reviews(connection, mine)
        rule = (
            "This decision cannot be undone, because someone else made it or the clip is being published. "
            "A published clip can be withdrawn."
        )
        return DecisionResult(tuple(mine), {key: rule for key in wanted if key not in mine})


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
    """Add a review of each variant; delivery does not touch approved clips for ``undo_s`` seconds.

    Raises:
        CatalogueError: a reason code does not exist.
    """
    if unknown := [code for code in codes if code not in REVIEW_CODES]:
        raise CatalogueError(f"Unknown reason code {unknown[0]!r}. Use {any_of(REVIEW_CODES)}.")
    row = {
        "author": clean(author),
        "outcome": outcome,
        "codes": to_text(list(codes)),
        "reason": clean(reason),
        "blind": int(blind),
    }
    clips = clips_of(connection, variant_ids)
    connection.execute(
        insert(reviews).values(undo_until=database_now() + undo_s if undo_s else None),
        [{"variant_id": key, **row, "clip_sha256": clips.get(key)} for key in variant_ids],
    )


def clips_of(connection: Connection, variant_ids: Collection[str]) -> dict[str, str | None]:
    """Return the SHA-256 of the clip of each variant."""
    query = select(variants.c.variant_id, variants.c.clip).where(variants.c.variant_id.in_(list(variant_ids)))
    return {row.variant_id: clip_sha256_of(row.clip) for row in connection.execute(query)}


def undoable() -> ColumnElement[bool]:
    """Return the condition that a variant's approval can still be undone."""
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
    connection: Connection, seen: Mapping[str, int], locked: Mapping[str, str], outcome: str, sources: Sequence[str]
) -> dict[str, str]:
    """Return a reason for each variant that has changed since it was seen, or that this decision does not apply to."""
    last = {row.variant_id: row for row in _last_events(connection, locked)}
    clips = set(
        connection.execute(
            select(variants.c.variant_id).where(variants.c.variant_id.in_(list(locked)), variants.c.clip.is_not(None))
        ).scalars()
    )
    refused: dict[str, str] = {}
    for key, event_id in seen.items():
        if key not in locked:
            refused[key] = "This clip is not in the catalogue."
        elif last[key].to_state != locked[key]:
            refused[key] = (
                f"The state of this clip was set to {locked[key]} outside Reelmill; its last event is "
                f"{last[key].to_state}. Regenerate it in the dashboard."
            )
        elif last[key].event_id != event_id:
            refused[key] = f"This clip has changed: {last[key].actor} set it to {locked[key]}. Review it again."
        elif locked[key] == State.FAILED and outcome == State.APPROVED and State.FAILED not in sources:
            refused[key] = "This clip failed the gate. Enter a reason to approve it anyway."
        elif locked[key] not in sources:
            refused[key] = f"This clip is {locked[key]}. Only {' and '.join(sources)} clips can be {outcome}."
        elif key not in clips:
            refused[key] = (
                "This variant has no clip, because its generation failed. Regenerate it in the dashboard, or use "
                "`reelmill retry CAMPAIGN --failed`."
            )
    return refused


def _last_events(connection: Connection, variant_ids: Iterable[str], *conditions: Any) -> Sequence[Any]:
    newest = (
        select(func.max(events.c.event_id))
        .where(events.c.variant_id.in_(list(variant_ids)), *conditions)
        .group_by(events.c.variant_id)
    )
    return connection.execute(select(events).where(events.c.event_id.in_(newest))).all()


def _last_decisions(connection: Connection, locked: Mapping[str, str]) -> list[Any]:
    """Return the last event of each variant, if that event set its current state."""
    return [row for row in _last_events(connection, locked) if row.to_state == locked[row.variant_id]]


def _undo_reviews(connection: Connection, variant_ids: Iterable[str]) -> None:
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
    locked: Mapping[str, str],
    to_state: str,
    actor: str,
    values: dict[str, Any],
    *,
    codes: Sequence[str] = (),
    undo_s: float = 0.0,
    **detail: Any,
) -> None:
    """Move variants with events; add audit entries for people's decisions, and reviews for approvals and rejections."""
    if not locked:
        return
    detail |= {"codes": list(codes)} if codes else {}
    transition(connection, locked, to_state, actor, values, **detail)
    if actor == SYSTEM:
        return
    clips = clips_of(connection, locked)
    append(
        connection,
        actor,
        to_state,
        [(key, {"from": state, **detail, "clip_sha256": clips[key]}) for key, state in locked.items()],
    )
    if to_state in (State.APPROVED, State.REJECTED):
        write_reviews(connection, locked, actor, to_state, codes, str(detail.get("reason", "")), undo_s=undo_s)
