"""What people and policies decide; no lease is needed, none is overruled but by quarantine."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import case, or_, select

from adapters.catalogue.rows import clean, to_text
from adapters.catalogue.states import (
    APPROVED,
    FAILED,
    PASSED,
    PLANNED,
    PUBLISHED,
    QUARANTINED,
    REJECTED,
    SIGNING,
    WITHDRAWN,
    sources_of,
)
from adapters.catalogue.store import SYSTEM, Store, batches, move, pick
from adapters.catalogue.tables import memberships, variants
from manifests.verdict import Verdict

_AGAIN = {"tries": 0, "score": None, "prompt_adherence": None, "reasons": None, "error": None}


class Decisions(Store):
    """Each returns the ids that it moved; those in another state meanwhile are left as they are."""

    def approve(self, variant_ids: Iterable[str], actor: str, reason: str = "") -> list[str]:
        """Passed → approved; a person who gives a reason may approve a failed clip as well."""
        overruling = bool(reason) and actor != SYSTEM
        sources = (PASSED, FAILED) if overruling else (PASSED,)
        return self._decide(variant_ids, sources, APPROVED, actor, {"tries": 0},
                            variants.c.clip.is_not(None), reason=clean(reason))

    def reject(self, variant_ids: Iterable[str], actor: str, reason: str = "") -> list[str]:
        """Passed → rejected."""
        return self._decide(variant_ids, (PASSED,), REJECTED, actor, {}, reason=clean(reason))

    def withdraw(self, variant_ids: Iterable[str], actor: str, reason: str = "") -> list[str]:
        """Published → withdrawn; taking the files out of the bucket is the caller's."""
        return self._decide(variant_ids, (PUBLISHED,), WITHDRAWN, actor, {}, reason=clean(reason))

    def quarantine(self, variant_ids: Iterable[str], reason: str, actor: str = SYSTEM) -> list[str]:
        """Take variants out of work whoever holds them, with the reason why."""
        return self._decide(variant_ids, sources_of(QUARANTINED), QUARANTINED, actor,
                            {"error": clean(reason)}, reason=clean(reason))

    def regate(self, variant_id: str, verdict: Verdict, actor: str = SYSTEM) -> bool:
        """Passed → failed or failed → passed, since the thresholds changed; True where it moved."""
        source, target = (FAILED, PASSED) if verdict.passed else (PASSED, FAILED)
        return bool(self._decide([variant_id], (source,), target, actor,
                                 {"reasons": to_text(verdict.reasons), "error": None},
                                 variants.c.score.is_not(None), regated=True, reasons=verdict.reasons))

    def retry_failed(self, campaign_id: str, *, quarantined: bool = False, scored: bool = True,
                     actor: str = SYSTEM) -> int:
        """Failed (and quarantined, where asked for) → planned, with no try counted; return how many.

        A quarantined one that was signed already goes back to signing: its key is committed. One that
        was made and could not be scored keeps its clip, and is not made again while that is staged.

        Args:
            scored: take those as well that failed by their score, and would do so again.
        """
        states = (FAILED, QUARANTINED) if quarantined else (FAILED,)
        query = (select(variants.c.variant_id).join(memberships)
                 .where(memberships.c.campaign_id == campaign_id, variants.c.state.in_(states)).distinct())
        if not scored:
            query = query.where(or_(variants.c.score.is_(None), variants.c.state == QUARANTINED))
        with self._reading() as connection:
            failed = connection.execute(query).scalars().all()
        signed = variants.c.signed.is_not(None)
        unscored = case((variants.c.score.is_(None), variants.c.clip), else_=None)
        again = self._decide(failed, states, PLANNED, actor, {**_AGAIN, "clip": unscored}, ~signed, retried=True)
        resumed = self._decide(failed, (QUARANTINED,), SIGNING, actor, {"tries": 0, "error": None}, signed,
                               retried=True) if quarantined else []
        return len(again) + len(resumed)

    def _decide(self, variant_ids: Iterable[str], sources: Sequence[str], to_state: str, actor: str,
                values: dict[str, Any], *conditions: Any, **detail: Any) -> list[str]:
        moved: list[str] = []
        for batch in batches(dict.fromkeys(variant_ids)):
            with self._writing() as connection:
                picked = pick(connection, batch, sources, *conditions)
                move(connection, picked, to_state, actor, values, **detail)
            moved += [variant_id for variant_id in batch if variant_id in picked]
        return moved
