"""Files that variants and deliverables own in the bucket and in staging."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.deliverable_rows import DeliverableRow, deliverable_row
from adapters.catalogue.core.rows import VariantRow, object_in, signed_from, variant_row
from adapters.catalogue.core.tables import database_now, deliverable_events, deliverables, events, memberships, variants
from manifests.states import State

_MAX_ID_LENGTH = 32


_RANGES = 100
"""Ranges of ids per query."""


_NAMED = re.compile(r"([0-9a-f]{12,32})(?=[-.])")


class StagedRow(NamedTuple):
    """What decides whether a variant's staged files are still needed.

    Attributes:
        is_held: it is leased, or the lease has not been cleaned up.
        quiet_s: seconds since its last event.
        clip_sha256: hash of its master; "" if it has none.
        sound_sha256: hash of the sound that its model generated; "" if it has none.
        original_sha256: hash of the provider's file from which it was transcoded; "" if it was not.
        campaign_id: the campaign that publishes it; "" if it is not signed.
        signed_path: path of the staged signed file.
    """

    variant_id: str
    state: str
    is_held: bool
    quiet_s: float
    clip_sha256: str
    sound_sha256: str
    original_sha256: str
    campaign_id: str
    signed_path: Path | None


class Files(CataloguePart):
    """Find which variants own which files."""

    def sent(self, campaign_id: str) -> Iterator[VariantRow]:
        """Yield the campaign's variants with committed keys, in any state, one batch at a time."""
        mine = select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id).distinct()
        with self._db.reading() as connection:
            ids = connection.execute(mine).scalars().all()
        for batch in batches(ids):
            yield from self._rows(variants.c.variant_id.in_(batch), variants.c.signed.is_not(None))

    def sent_deliverables(self, campaign_id: str) -> list[DeliverableRow]:
        """Return the campaign's deliverables with committed keys, in any state."""
        query = select(deliverables).where(
            deliverables.c.campaign_id == campaign_id, deliverables.c.signed.is_not(None)
        )
        with self._db.reading() as connection:
            return [deliverable_row(row) for row in connection.execute(query)]

    def keys_in_use(self, keys: Collection[str]) -> set[str]:
        """Return the keys that a variant or deliverable has committed; a key contains the beginning of its id."""
        starts = {found[1] for key in keys if (found := _NAMED.match(key.rpartition("/")[2]))}
        named: set[str] = set()
        for batch in batches(sorted(starts), _RANGES):
            for row in self._rows(_in_ranges(variants.c.variant_id, batch), variants.c.signed.is_not(None)):
                named.update(row.signed.keys if row.signed else ())
            named |= self._published(batch) | self._of_deliverables(batch)
        return named & set(keys)

    def _published(self, starts: Sequence[str]) -> set[str]:
        """Return the keys of published clips by their events, in case a row was changed outside Reelmill."""
        sent = events.alias()
        published = select(sent.c.variant_id).where(
            _in_ranges(sent.c.variant_id, starts), sent.c.to_state == State.PUBLISHED
        )
        query = (
            select(events.c.variant_id, events.c.detail)
            .where(events.c.variant_id.in_(published), events.c.to_state == State.SIGNING)
            .order_by(events.c.event_id)
        )
        with self._db.reading() as connection:
            details = [(row.variant_id, json.loads(row.detail)) for row in connection.execute(query)]
        newest = {variant_id: detail["keys"] for variant_id, detail in details if "keys" in detail}
        return {key for keys in newest.values() for key in keys}

    def _of_deliverables(self, starts: Sequence[str]) -> set[str]:
        """Return the keys of deliverables in their rows, and in the events of published ones."""
        sent = deliverable_events.alias()
        published = select(sent.c.deliverable_id).where(
            _in_ranges(sent.c.deliverable_id, starts), sent.c.to_state == State.PUBLISHED
        )
        signings = (
            select(deliverable_events.c.deliverable_id, deliverable_events.c.detail)
            .where(deliverable_events.c.deliverable_id.in_(published), deliverable_events.c.to_state == State.SIGNING)
            .order_by(deliverable_events.c.event_id)
        )
        rows = select(deliverables.c.signed).where(
            _in_ranges(deliverables.c.deliverable_id, starts), deliverables.c.signed.is_not(None)
        )
        with self._db.reading() as connection:
            facts = [signed_from(text) for text in connection.execute(rows).scalars()]
            newest = {row.deliverable_id: object_in(row.detail) for row in connection.execute(signings)}
        named = {key for each in facts if each for key in each.keys}
        return named | {key for detail in newest.values() for key in detail.get("keys", ())}

    def staged(self, variant_ids: Iterable[str]) -> dict[str, StagedRow]:
        """Return the rows of the variants that exist."""
        found: dict[str, StagedRow] = {}
        for batch in batches(variant_ids):
            mine = (
                select(events.c.variant_id, func.max(events.c.at).label("at"))
                .where(events.c.variant_id.in_(batch))
                .group_by(events.c.variant_id)
                .subquery()
            )
            query = select(variants, (database_now() - mine.c.at).label("quiet_s")).join(
                mine, mine.c.variant_id == variants.c.variant_id
            )
            with self._db.reading() as connection:
                found.update((row.variant_id, _staged(row)) for row in connection.execute(query))
        return found

    def sample_published(self, newest: int, others: int, start: str) -> list[VariantRow]:
        """Return the newest published variants, and a sample of the others.

        Args:
            start: the id from which the sample is taken, 32 random hex digits.
        """
        published = variants.c.state == State.PUBLISHED
        rows = self._rows(published, order=variants.c.made_at.desc(), most=newest)
        others_only = published, variants.c.variant_id.not_in([row.variant_id for row in rows])
        for side in (variants.c.variant_id >= start, variants.c.variant_id < start):
            left = newest + others - len(rows)
            rows += self._rows(*others_only, side, order=variants.c.variant_id, most=left) if left > 0 else []
        return rows

    def _rows(self, *conditions: ColumnElement[bool], order: Any = None, most: int | None = None) -> list[VariantRow]:
        query = select(variants).where(*conditions).order_by(order).limit(most)
        with self._db.reading() as connection:
            return [variant_row(row) for row in connection.execute(query)]


def _in_ranges(column: Any, starts: Sequence[str]) -> ColumnElement[bool]:
    """Select the ids that begin with one of the starts."""
    ranges = (column.between(start.ljust(_MAX_ID_LENGTH, "0"), start.ljust(_MAX_ID_LENGTH, "f")) for start in starts)
    return or_(*ranges)


def _staged(row: Any) -> StagedRow:
    known = variant_row(row)
    signed = known.signed
    return StagedRow(
        row.variant_id,
        row.state,
        row.lease_owner is not None,
        row.quiet_s,
        known.clip.sha256 if known.clip else "",
        known.clip.sound_sha256 if known.clip else "",
        known.clip.original_sha256 if known.clip else "",
        signed.campaign_id if signed else "",
        signed.path if signed else None,
    )
