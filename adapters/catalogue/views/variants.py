"""Read variants, their states and their events."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Select, func, select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import (
    Event,
    PendingVariant,
    VariantRow,
    clean,
    machine_of,
    number_in,
    object_in,
    variant_row,
)
from adapters.catalogue.core.tables import campaigns, events, memberships, reviews, variants
from adapters.catalogue.log.campaign_log import changed_campaigns
from adapters.catalogue.log.log_proof import logged_details
from adapters.catalogue.review.reviews import undoable
from manifests.errors import NotFoundError
from manifests.states import State


class Variants(CataloguePart):
    """Read variants."""

    def of_campaign(self, campaign_id: str, states: Collection[str] | None = None) -> list[VariantRow]:
        """Return the campaign's variants, each once, in the order of planning."""
        query = self._whole(campaign_id) if states is None else self._in_states(campaign_id, states)
        with self._db.reading() as connection:
            return [variant_row(row) for row in connection.execute(query)]

    def get(self, variant_id: str) -> VariantRow:
        """Return one variant.

        Raises:
            CatalogueError: the variant does not exist.
        """
        with self._db.reading() as connection:
            row = connection.execute(select(variants).where(variants.c.variant_id == variant_id)).first()
        if row is None:
            raise _unknown(variant_id)
        return variant_row(row)

    def of_ids(self, variant_ids: Sequence[str]) -> list[VariantRow]:
        """Return some variants in the order of their ids.

        Raises:
            CatalogueError: one of them does not exist.
        """
        found: dict[str, VariantRow] = {}
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                rows = connection.execute(select(variants).where(variants.c.variant_id.in_(batch)))
                found |= {row.variant_id: variant_row(row) for row in rows}
        if unknown := [key for key in variant_ids if key not in found]:
            raise _unknown(unknown[0])
        return [found[key] for key in variant_ids]

    def waiting(self, campaign_id: str, states: Collection[str]) -> list[PendingVariant]:
        """Return the campaign's variants in the states, with only the fields that a worker needs to lease them.

        Clips whose approval can still be undone are left out; see ``undoable``.
        """
        query = (
            self._in_states(campaign_id, states)
            .with_only_columns(variants.c.variant_id, variants.c.body, variants.c.lease_owner, variants.c.clip)
            .where(~undoable())
        )
        with self._db.reading() as connection:
            return [
                PendingVariant(
                    row.variant_id,
                    json.loads(row.body)["card"],
                    row.lease_owner,
                    machine_of(row.clip),
                )
                for row in connection.execute(query)
            ]

    def states(self, variant_ids: Iterable[str]) -> dict[str, str]:
        """Return the states of the variants that exist, by id."""
        found: dict[str, str] = {}
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                query = select(variants.c.variant_id, variants.c.state).where(variants.c.variant_id.in_(batch))
                found.update((row.variant_id, row.state) for row in connection.execute(query))
        return found

    def with_clips(self, seeds: Iterable[int], prompts: Iterable[str]) -> list[VariantRow]:
        """Return the variants that have a clip and one of the seeds and one of the prompts, of any campaign."""
        wanted = list(dict.fromkeys(map(clean, prompts)))
        found: list[VariantRow] = []
        with self._db.reading() as connection:
            for batch in batches(dict.fromkeys(seeds)):
                query = select(variants).where(
                    variants.c.seed.in_(batch), variants.c.prompt.in_(wanted), variants.c.clip.is_not(None)
                )
                found += map(variant_row, connection.execute(query))
        return found

    def tries(self, variant_ids: Iterable[str]) -> dict[str, int]:
        """Return the number of leases without a result, for variants that have any."""
        found: dict[str, int] = {}
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                query = select(variants.c.variant_id, variants.c.tries).where(
                    variants.c.variant_id.in_(batch), variants.c.tries > 0
                )
                found.update((row.variant_id, row.tries) for row in connection.execute(query))
        return found

    def last_events(self, variant_ids: Iterable[str]) -> dict[str, int]:
        """Return the id of each variant's last event, which a decision about it must name."""
        found: dict[str, int] = {}
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                query = (
                    select(events.c.variant_id, func.max(events.c.event_id).label("seen"))
                    .where(events.c.variant_id.in_(batch))
                    .group_by(events.c.variant_id)
                )
                found.update((row.variant_id, row.seen) for row in connection.execute(query))
        return found

    def campaigns_of(self, variant_ids: Iterable[str]) -> dict[str, set[str]]:
        """Return the campaigns of each variant."""
        found: dict[str, set[str]] = {}
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                query = select(memberships.c.variant_id, memberships.c.campaign_id).where(
                    memberships.c.variant_id.in_(batch)
                )
                for row in connection.execute(query):
                    found.setdefault(row.variant_id, set()).add(row.campaign_id)
        return found

    def held_for_review(self, campaign_id: str) -> set[str]:
        """Return the campaign's passed variants that no policy may approve, because this campaign or another one that
        shares them requires review or has settings that were changed outside Reelmill, or because a person has undone
        an approval."""
        passed = [row.variant_id for row in self.waiting(campaign_id, [State.PASSED])]
        sharing = self.campaigns_of(passed)
        reviewed = self._awaiting_review(set().union(*sharing.values()))
        held = {variant_id for variant_id, names in sharing.items() if reviewed & names}
        return held | self._with_undone_review(passed)

    def _awaiting_review(self, names: Collection[str]) -> set[str]:
        found: set[str] = set()
        with self._db.reading() as connection:
            for batch in batches(names):
                rows = connection.execute(select(campaigns).where(campaigns.c.campaign_id.in_(batch))).all()
                found |= {row.campaign_id for row in rows if json.loads(row.settings).get("review") == "required"}
                found.update(changed_campaigns(connection, rows))
        return found

    def _with_undone_review(self, variant_ids: Iterable[str]) -> set[str]:
        found: set[str] = set()
        with self._db.reading() as connection:
            for batch in batches(variant_ids):
                found.update(
                    connection.execute(
                        select(reviews.c.variant_id).where(
                            reviews.c.variant_id.in_(batch), reviews.c.undone_at.is_not(None)
                        )
                    ).scalars()
                )
        return found

    def events(self, campaign_id: str | None = None, *, variant_id: str | None = None) -> list[Event]:
        """Return the events of a campaign's variants, or of one variant, oldest first."""
        query = select(events).order_by(events.c.event_id)
        if variant_id is not None:
            query = query.where(events.c.variant_id == variant_id)
        if campaign_id is not None:
            query = query.where(
                events.c.variant_id.in_(
                    select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
                )
            )
        with self._db.reading() as connection:
            return [
                Event(
                    row.event_id,
                    row.variant_id,
                    number_in(row.at),
                    row.actor,
                    row.from_state,
                    row.to_state,
                    object_in(row.detail),
                )
                for row in connection.execute(query)
            ]

    def parent_of(self, row: VariantRow) -> str | None:
        """Return the variant that a person replaced with this one, if the audit log names it too."""
        if row.parent_id is None:
            return None
        with self._db.reading() as connection:
            details = logged_details(connection, State.PLANNED, [row.variant_id]).get(row.variant_id, ())
        return row.parent_id if {"parent_id": row.parent_id} in details else None

    @staticmethod
    def _whole(campaign_id: str) -> Select[Any]:
        first = (
            select(memberships.c.variant_id, func.min(memberships.c.ordinal).label("place"))
            .where(memberships.c.campaign_id == campaign_id)
            .group_by(memberships.c.variant_id)
            .subquery()
        )
        return (
            select(variants)
            .join(first, first.c.variant_id == variants.c.variant_id)
            .order_by(first.c.place, variants.c.variant_id)
        )

    @staticmethod
    def _in_states(campaign_id: str, states: Collection[str]) -> Select[Any]:
        """Select by state first: workers poll for a few waiting variants among many planned ones."""
        place = (
            select(func.min(memberships.c.ordinal))
            .where(memberships.c.variant_id == variants.c.variant_id, memberships.c.campaign_id == campaign_id)
            .scalar_subquery()
        )
        return (
            select(variants)
            .where(variants.c.state.in_(list(states)), place.is_not(None))
            .order_by(place, variants.c.variant_id)
        )


def _unknown(variant_id: str) -> NotFoundError:
    return NotFoundError(f"The catalogue has no variant {variant_id!r}. List the campaigns with `reelmill status`.")
