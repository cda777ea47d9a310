"""Results that a worker writes for a variant it has leased, each in one transaction with its event."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import Lease, SignedFacts, clean, record_text, to_text
from adapters.catalogue.core.state_changes import event_row, record_events, write_events
from adapters.catalogue.core.tables import UNSCORED, database_now, variants
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.logged_deliveries import publication
from adapters.catalogue.review.signing_proof import signing_detail
from manifests.clip import Clip
from manifests.errors import LostLeaseError
from manifests.scoring.score import Score
from manifests.scoring.verdict import Reason, Verdict
from manifests.states import State

_ENDED = {"lease_owner": None, "lease_expires": None}


_SIGNED = select(variants.c.signed).where(variants.c.variant_id == bindparam("id"))
_by_id = update(variants).where(variants.c.variant_id == bindparam("id"))


Judged = tuple[Lease, Clip, Score, Verdict]


class Results(CataloguePart):
    """Record results from generation to publishing. Methods raise LostLeaseError if another worker has the variant."""

    def mark_rendered(self, lease: Lease, clip: Clip) -> None:
        """Leased or rendered → rendered: the staged file is on this machine's disk."""
        with self._db.writing() as connection:
            _step(
                connection,
                lease,
                (State.LEASED, State.RENDERED),
                State.RENDERED,
                {"clip": record_text(clip), "made_at": database_now()},
                sha256=clip.sha256,
            )

    def mark_judged(self, lease: Lease, score: Score, verdict: Verdict) -> None:
        """Rendered → passed or failed; end the lease."""
        with self._db.writing() as connection:
            _judge(connection, lease, score, verdict)

    def record_batch(self, judged: Iterable[Judged]) -> list[str]:
        """Record clips and verdicts of many variants in one transaction.

        Returns:
            The ids of variants whose lease was lost; they are not changed.
        """
        items = {item[0].variant_id: item for item in judged}
        with self._db.writing() as connection:
            held = _still_held(connection, [lease for lease, *_ in items.values()], (State.LEASED, State.RENDERED))
            kept = [item for variant_id, item in items.items() if variant_id in held]
            if kept:
                _write_judged(connection, kept, held)
        return [variant_id for variant_id in items if variant_id not in held]

    def mark_failed(self, lease: Lease, reason: str) -> None:
        """Leased or rendered → failed, with the reason code ``generation``; end the lease."""
        reasons = [Reason("generation", clean(reason))]
        values = {"error": clean(reason), "reasons": to_text(reasons), "made_at": database_now(), **_ENDED}
        with self._db.writing() as connection:
            _step(connection, lease, (State.LEASED, State.RENDERED), State.FAILED, values, reasons=reasons)

    def requeue(self, lease: Lease, reason: str) -> None:
        """Approved or signing → planned, because the staged files are gone; end the lease."""
        values = {
            "clip": None,
            "score": None,
            "prompt_adherence": None,
            "sort_score": UNSCORED,
            "reasons": None,
            "signed": None,
            "tries": 0,
            **_ENDED,
        }
        with self._db.writing() as connection:
            _step(connection, lease, (State.APPROVED, State.SIGNING), State.PLANNED, values, reason=clean(reason))

    def mark_signing(self, lease: Lease, facts: SignedFacts) -> None:
        """Approved or signing → signing: commit keys and hashes before any upload."""
        with self._db.writing() as connection:
            _step(
                connection,
                lease,
                (State.APPROVED, State.SIGNING),
                State.SIGNING,
                {"signed": record_text(facts)},
                **signing_detail(facts),
            )

    def mark_published(self, lease: Lease, url: str) -> None:
        """Signing → published: all files are in the bucket; add an entry to the log, and end the lease."""
        with self._db.writing() as connection:
            _step(connection, lease, (State.SIGNING,), State.PUBLISHED, {"url": clean(url), **_ENDED}, url=clean(url))
            signed = connection.execute(_SIGNED, {"id": lease.variant_id}).scalar()
            append(connection, lease.owner, State.PUBLISHED, [(lease.variant_id, publication(signed))])


def _judge(connection: Connection, lease: Lease, score: Score, verdict: Verdict) -> None:
    _step(
        connection, lease, (State.RENDERED,), _outcome(verdict), _judged_values(score, verdict), reasons=verdict.reasons
    )


def _still_held(connection: Connection, leases: Sequence[Lease], sources: Sequence[str]) -> dict[str, str]:
    """Lock the variants; return the states of those whose lease is still valid."""
    mine = {lease.variant_id: (lease.owner, lease.attempt) for lease in leases}
    held: dict[str, str] = {}
    for batch in batches(sorted(mine)):
        query = (
            select(variants.c.variant_id, variants.c.state, variants.c.lease_owner, variants.c.attempt)
            .where(variants.c.variant_id.in_(batch), variants.c.state.in_(sources))
            .order_by(variants.c.variant_id)
            .with_for_update()
        )
        held.update(
            (row.variant_id, row.state)
            for row in connection.execute(query)
            if mine[row.variant_id] == (row.lease_owner, row.attempt)
        )
    return held


def _write_judged(connection: Connection, items: Sequence[Judged], held: Mapping[str, str]) -> None:
    connection.execute(
        _by_id.values(made_at=database_now()),
        [
            {
                "id": lease.variant_id,
                "state": _outcome(verdict),
                "clip": record_text(clip),
                **_judged_values(score, verdict),
            }
            for lease, clip, score, verdict in items
        ],
    )
    write_events(
        connection,
        [
            event_row(lease.variant_id, held[lease.variant_id], State.RENDERED, lease.owner, sha256=clip.sha256)
            for lease, clip, _, _ in items
        ],
    )
    write_events(
        connection,
        [
            event_row(lease.variant_id, State.RENDERED, _outcome(verdict), lease.owner, reasons=verdict.reasons)
            for lease, _, _, verdict in items
        ],
    )


def _outcome(verdict: Verdict) -> str:
    return State.PASSED if verdict.passed else State.FAILED


def _judged_values(score: Score, verdict: Verdict) -> dict[str, Any]:
    value = score.prompt_adherence
    known = value if value is not None and isfinite(value) else None
    return {
        "score": record_text(replace(score, prompt_adherence=known)),
        "prompt_adherence": known,
        "sort_score": UNSCORED if known is None else known,
        "reasons": to_text(verdict.reasons),
        "error": None,
        "tries": 0,
        **_ENDED,
    }


def _step(
    connection: Connection, lease: Lease, sources: Sequence[str], to_state: str, values: dict[str, Any], **detail: Any
) -> None:
    for source in sources:
        moved = connection.execute(
            update(variants)
            .where(
                variants.c.variant_id == lease.variant_id,
                variants.c.state == source,
                variants.c.lease_owner == lease.owner,
                variants.c.attempt == lease.attempt,
            )
            .values(state=to_state, **values)
        ).rowcount
        if moved == 1:
            return record_events(connection, {lease.variant_id: source}, to_state, lease.owner, **detail)
    raise LostLeaseError(
        f"Another worker has leased variant {lease.variant_id}, or a person has changed its state. It is skipped here."
    )
