"""What people and policies decide; no lease is needed, none is overruled but by quarantine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, or_, select, update

from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.store import SYSTEM, Store, batches, event_row, move, pick, write_events
from adapters.catalogue.core.tables import UNSCORED, database_now, events, memberships, reviews, variants
from adapters.catalogue.review.audit import append
from adapters.catalogue.review.reviews import write_reviews
from manifests.states import (
    APPROVED,
    FAILED,
    PASSED,
    PLANNED,
    PUBLISHED,
    QUARANTINED,
    REJECTED,
    SIGNING,
    STATES,
    WITHDRAWN,
    sources_of,
)
from manifests.verdict import Verdict

_AGAIN = {"tries": 0, "score": None, "prompt_adherence": None, "sort_score": UNSCORED, "reasons": None, "error": None}


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision did.

    Attributes:
        moved: ids of the variants that were moved.
        refused: why not, a sentence by id of each of the others.
    """

    moved: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


class Decisions(Store):
    """Each returns the ids that it moved; those in another state meanwhile are left as they are."""

    def approve(self, variant_ids: Iterable[str], actor: str, reason: str = "") -> list[str]:
        """Passed → approved; a person who gives a reason may approve a failed clip as well."""
        overruling = bool(reason) and actor != SYSTEM
        sources = (PASSED, FAILED) if overruling else (PASSED,)
        return self._decide(
            variant_ids, sources, APPROVED, actor, {"tries": 0}, variants.c.clip.is_not(None), reason=clean(reason)
        )

    def reject(self, variant_ids: Iterable[str], actor: str, reason: str = "") -> list[str]:
        """Passed → rejected."""
        return self._decide(variant_ids, (PASSED,), REJECTED, actor, {}, reason=clean(reason))

    def withdraw(self, variant_ids: Iterable[str], actor: str, reason: str = "") -> list[str]:
        """Published → withdrawn; taking the files out of the bucket is the caller's."""
        return self._decide(variant_ids, (PUBLISHED,), WITHDRAWN, actor, {}, reason=clean(reason))

    def review(
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
        sources = {
            APPROVED: (PASSED, FAILED) if reason else (PASSED,),
            REJECTED: (PASSED, FAILED),
            WITHDRAWN: (PUBLISHED,),
        }[outcome]
        with self._writing() as connection:
            picked = pick(connection, seen, STATES)
            refused = _refusals(connection, seen, picked, outcome, sources)
            moved = {key: state for key, state in picked.items() if key not in refused}
            self._move(
                connection,
                moved,
                outcome,
                actor,
                {"tries": 0} if outcome == APPROVED else {},
                codes=codes,
                undo_s=undo_s if outcome == APPROVED else 0.0,
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
        with self._writing() as connection:
            picked = pick(connection, wanted, (APPROVED, REJECTED), variants.c.lease_owner.is_(None))
            mine = {
                row.variant_id: row
                for row in _last_decisions(connection, picked)
                if row.actor == actor or (anybodys and row.actor != SYSTEM)
            }
            for state in (PASSED, FAILED):
                back = {key: picked[key] for key, row in mine.items() if row.from_state == state}
                move(connection, back, state, actor, {}, undone=True)
                append(connection, actor, state, [(key, {"undone": picked[key]}) for key in back])
            _take_back_reviews(connection, mine)
        rule = "somebody else decided it, it is on its way, or it is published: withdraw it then"
        return Decided(tuple(mine), {key: f"It cannot be undone: {rule}." for key in wanted if key not in mine})

    def removed(self, variant_id: str) -> None:
        """Forget the URL of a withdrawn clip: its files are out of the bucket."""
        with self._writing() as connection:
            connection.execute(
                update(variants)
                .where(variants.c.variant_id == variant_id, variants.c.state == WITHDRAWN)
                .values(url=None)
            )

    def quarantine(self, variant_ids: Iterable[str], reason: str, actor: str = SYSTEM) -> list[str]:
        """Take variants out of work whoever holds them, with the reason why."""
        return self._decide(
            variant_ids, sources_of(QUARANTINED), QUARANTINED, actor, {"error": clean(reason)}, reason=clean(reason)
        )

    def regate(self, verdicts: Iterable[Verdict], actor: str = SYSTEM) -> int:
        """Passed → failed or failed → passed, since the thresholds changed; return how many moved."""
        moved = 0
        for batch in batches(verdicts):
            by_id = {verdict.variant_id: verdict for verdict in batch}
            with self._writing() as connection:
                picked = pick(connection, by_id, (PASSED, FAILED), variants.c.score.is_not(None))
                changed = [
                    (by_id[key], state) for key, state in picked.items() if by_id[key].passed == (state == FAILED)
                ]
                _write_verdicts(connection, changed, actor)
            moved += len(changed)
        return moved

    def retry_failed(
        self, campaign_id: str, *, quarantined: bool = False, scored: bool = True, actor: str = SYSTEM
    ) -> int:
        """Failed (and quarantined, where asked for) → planned, with no try counted; return how many.

        A quarantined one that was signed already goes back to signing: its key is committed. One that
        was made and could not be scored keeps its clip, and is not made again while that is staged.

        Args:
            scored: take those as well that failed by their score, and would do so again.
        """
        states = (FAILED, QUARANTINED) if quarantined else (FAILED,)
        query = (
            select(variants.c.variant_id)
            .join(memberships)
            .where(memberships.c.campaign_id == campaign_id, variants.c.state.in_(states))
            .distinct()
        )
        if not scored:
            query = query.where(or_(variants.c.score.is_(None), variants.c.state == QUARANTINED))
        with self._reading() as connection:
            failed = connection.execute(query).scalars().all()
        signed = variants.c.signed.is_not(None)
        unscored = case((variants.c.score.is_(None), variants.c.clip), else_=None)
        again = self._decide(failed, states, PLANNED, actor, {**_AGAIN, "clip": unscored}, ~signed, retried=True)
        resumed = (
            self._decide(failed, (QUARANTINED,), SIGNING, actor, {"tries": 0, "error": None}, signed, retried=True)
            if quarantined
            else []
        )
        return len(again) + len(resumed)

    def _decide(
        self,
        variant_ids: Iterable[str],
        sources: Sequence[str],
        to_state: str,
        actor: str,
        values: dict[str, Any],
        *conditions: Any,
        **detail: Any,
    ) -> list[str]:
        moved: list[str] = []
        for batch in batches(dict.fromkeys(variant_ids)):
            with self._writing() as connection:
                picked = pick(connection, batch, sources, *conditions)
                self._move(connection, picked, to_state, actor, values, **detail)
            moved += [variant_id for variant_id in batch if variant_id in picked]
        return moved

    @staticmethod
    def _move(
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
        if to_state in (APPROVED, REJECTED):
            write_reviews(connection, picked, actor, to_state, codes, str(detail.get("reason", "")), undo_s=undo_s)


def _write_verdicts(connection: Connection, changed: Sequence[tuple[Verdict, str]], actor: str) -> None:
    """Write verdicts that came out otherwise, each with the state that it ends, their events and audit entries."""
    if not changed:
        return
    outcomes = {verdict.variant_id: PASSED if verdict.passed else FAILED for verdict, _ in changed}
    connection.execute(
        update(variants).where(variants.c.variant_id == bindparam("id")),
        [
            {
                "id": verdict.variant_id,
                "state": outcomes[verdict.variant_id],
                "reasons": to_text(verdict.reasons),
                "error": None,
            }
            for verdict, _ in changed
        ],
    )
    write_events(
        connection,
        [
            event_row(
                verdict.variant_id, state, outcomes[verdict.variant_id], actor, regated=True, reasons=verdict.reasons
            )
            for verdict, state in changed
        ],
    )
    for outcome in (PASSED, FAILED) if actor != SYSTEM else ():
        append(
            connection,
            actor,
            outcome,
            [
                (verdict.variant_id, {"from": state, "regated": True, "reasons": verdict.reasons})
                for verdict, state in changed
                if outcomes[verdict.variant_id] == outcome
            ],
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
            refused[key] = "It is not in the catalogue."
        elif last[key].event_id != event_id:
            refused[key] = f"It changed while you looked at it: {last[key].actor} made it {picked[key]}."
        elif picked[key] == FAILED and outcome == APPROVED and FAILED not in sources:
            refused[key] = "It failed the gate; give a reason to approve it all the same."
        elif picked[key] not in sources:
            refused[key] = f"It is {picked[key]}, and only what is {' or '.join(sources)} can be {outcome}."
        elif outcome == APPROVED and key not in clips:
            refused[key] = "No clip came of it, so there is nothing to approve; re-roll it."
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
