"""Decisions by policy and by operators, without a lease; only quarantine overrides one.

People's decisions about clips, and their undo, are in ``reviews.py``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, or_, select, update

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.state_changes import SYSTEM, event_row, lock_variants, transition, write_events
from adapters.catalogue.core.tables import UNSCORED, events, memberships, variants
from adapters.catalogue.log.entries import append, append_if_intact, lock_head
from adapters.catalogue.log.logged_deliveries import BATCH_APPROVED, POLICY, approvals
from adapters.catalogue.review.reviews import clips_of, record_decision
from manifests.scoring.verdict import Verdict
from manifests.states import State, sources_of

UNPROVEN = "approval not proven"
"""Action of the entry about a clip that was quarantined because nothing proves its approval."""
_AGAIN = {"tries": 0, "score": None, "prompt_adherence": None, "sort_score": UNSCORED, "reasons": None, "error": None}


class Decisions(CataloguePart):
    """Methods return the ids they changed; variants that are in another state by then are skipped."""

    def approve(self, variant_ids: Iterable[str]) -> list[str]:
        """Approve passed variants by policy; people decide through ``Reviews.record``.

        A variant whose last event does not say that it passed is skipped: its state was changed outside Reelmill. The
        log gets one entry for each batch; the events of the batch contain its number.
        """
        last = (
            select(events.c.to_state)
            .where(events.c.variant_id == variants.c.variant_id)
            .order_by(events.c.event_id.desc())
            .limit(1)
            .scalar_subquery()
        )
        moved: list[str] = []
        for batch in batches(dict.fromkeys(variant_ids)):
            with self._db.writing() as connection:
                locked = lock_variants(
                    connection, batch, (State.PASSED,), variants.c.clip.is_not(None), last == State.PASSED
                )
                _approve_by_policy(connection, locked)
            moved += [variant_id for variant_id in batch if variant_id in locked]
        return moved

    def mark_removed(self, variant_id: str) -> None:
        """Clear the URL of a withdrawn clip after its files were deleted from the bucket."""
        with self._db.writing() as connection:
            connection.execute(
                update(variants)
                .where(variants.c.variant_id == variant_id, variants.c.state == State.WITHDRAWN)
                .values(url=None)
            )

    def quarantine(self, variant_ids: Iterable[str], reason: str, actor: str = SYSTEM) -> list[str]:
        """Quarantine variants, even if they are leased, with a reason."""
        return self._decide(
            variant_ids,
            sources_of(State.QUARANTINED),
            State.QUARANTINED,
            actor,
            {"error": clean(reason)},
            reason=clean(reason),
        )

    def quarantine_unproven(self, problems: Mapping[str, str], reasons: Mapping[str, str]) -> list[str]:
        """Quarantine clips whose approval is not proven, each with an entry in the audit log.

        Otherwise nothing would show later what was found, because the state that contradicts the log is replaced. Their
        committed keys are forgotten, so that a retry generates them again instead of publishing them.

        Args:
            problems: what is not proven, by variant, for the log.
            reasons: the reasons that are shown to people.
        """
        moved = []
        for variant_id, problem in problems.items():
            with self._db.writing() as connection:
                locked = lock_variants(connection, [variant_id], sources_of(State.QUARANTINED))
                values = {"error": clean(reasons[variant_id]), "signed": None}
                record_decision(
                    connection, locked, State.QUARANTINED, SYSTEM, values, reason=clean(reasons[variant_id])
                )
                entries = [(key, {"from": state, "reason": clean(problem)}) for key, state in locked.items()]
                append_if_intact(connection, SYSTEM, UNPROVEN, entries)
            moved += list(locked)
        return moved

    def regate(self, verdicts: Iterable[Verdict], actor: str = SYSTEM) -> int:
        """Passed → failed or failed → passed after a change of thresholds; return how many changed."""
        moved = 0
        for batch in batches(verdicts):
            by_id = {verdict.variant_id: verdict for verdict in batch}
            with self._db.writing() as connection:
                locked = lock_variants(connection, by_id, (State.PASSED, State.FAILED), variants.c.score.is_not(None))
                changed = [
                    (by_id[key], state) for key, state in locked.items() if by_id[key].passed == (state == State.FAILED)
                ]
                _write_verdicts(connection, changed, actor)
            moved += len(changed)
        return moved

    def retry_failed(
        self,
        campaign_id: str,
        *,
        quarantined: bool = False,
        scored: bool = True,
        replaced: Collection[str] = (),
        actor: str = SYSTEM,
    ) -> int:
        """Failed and, optionally, quarantined → planned, with the attempts reset; return how many.

        A quarantined variant that was signed returns to signing, because its key is committed. A variant that was
        generated but not scored keeps its clip, and is not generated again while the clip is staged.

        Args:
            scored: include variants that failed by their score and would fail again.
            replaced: variants to leave out, because others were planned instead.
        """
        states = (State.FAILED, State.QUARANTINED) if quarantined else (State.FAILED,)
        query = (
            select(variants.c.variant_id)
            .join(memberships)
            .where(memberships.c.campaign_id == campaign_id, variants.c.state.in_(states))
            .distinct()
        )
        if not scored:
            query = query.where(or_(variants.c.score.is_(None), variants.c.state == State.QUARANTINED))
        with self._db.reading() as connection:
            failed = [key for key in connection.execute(query).scalars() if key not in replaced]
        signed = variants.c.signed.is_not(None)
        unscored = case((variants.c.score.is_(None), variants.c.clip), else_=None)
        again = self._decide(failed, states, State.PLANNED, actor, {**_AGAIN, "clip": unscored}, ~signed, retried=True)
        resumed = (
            self._decide(
                failed, (State.QUARANTINED,), State.SIGNING, actor, {"tries": 0, "error": None}, signed, retried=True
            )
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
            with self._db.writing() as connection:
                locked = lock_variants(connection, batch, sources, *conditions)
                record_decision(connection, locked, to_state, actor, values, **detail)
            moved += [variant_id for variant_id in batch if variant_id in locked]
        return moved


def _approve_by_policy(connection: Connection, locked: Mapping[str, str]) -> None:
    """Approve locked variants, with one entry for all of them."""
    if not locked:
        return
    number = lock_head(connection).entries + 1
    transition(connection, locked, State.APPROVED, SYSTEM, {"tries": 0}, batch=number)
    append(connection, SYSTEM, BATCH_APPROVED, [(POLICY, approvals(clips_of(connection, locked)))])


def _write_verdicts(connection: Connection, changed: Sequence[tuple[Verdict, str]], actor: str) -> None:
    """Write changed verdicts with their events and audit entries."""
    if not changed:
        return
    outcomes = {verdict.variant_id: State.PASSED if verdict.passed else State.FAILED for verdict, _ in changed}
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
    for outcome in (State.PASSED, State.FAILED) if actor != SYSTEM else ():
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
