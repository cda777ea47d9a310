"""Looking into the catalogue."""

import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Select, func, or_, select

from adapters.catalogue.core.rows import (
    CampaignRow,
    Event,
    Membership,
    VariantRow,
    Waiting,
    brief_from,
    variant_row,
)
from adapters.catalogue.core.store import Store, batches
from adapters.catalogue.core.tables import briefs, campaigns, events, memberships, reviews, variants
from adapters.catalogue.review.reviews import undoable
from manifests.brief import Brief
from manifests.errors import CatalogueError


class Reader(Store):
    """What status pages, reports and resuming flows ask."""

    def campaigns(self) -> list[CampaignRow]:
        """Return every campaign, the newest first."""
        return self._campaign_rows(select(campaigns))

    def campaign(self, reference: str) -> CampaignRow:
        """Find a campaign by its id, a unique beginning of it, or its name (the newest of that name).

        Raises:
            CatalogueError: none or several fit.
        """
        start = campaigns.c.campaign_id.startswith(reference, autoescape=True)
        found = self._campaign_rows(select(campaigns).where(or_(start, campaigns.c.name == reference)))
        exact = [row for row in found if row.campaign_id == reference] or [
            row for row in found if row.name == reference
        ]
        if exact or len(found) == 1:
            return (exact or found)[0]
        if not found:
            raise CatalogueError(f"No campaign in the catalogue is called {reference!r}; `reelmill status` lists them.")
        raise CatalogueError(
            f"Several campaigns begin with {reference!r}: "
            f"{', '.join(row.campaign_id for row in found)}; write more of the id."
        )

    def briefs(self, campaign_id: str) -> tuple[Brief, ...]:
        """Return the campaign's briefs in the sheet's order."""
        query = select(briefs.c.body).where(briefs.c.campaign_id == campaign_id).order_by(briefs.c.ordinal)
        with self._reading() as connection:
            return tuple(brief_from(body) for body in connection.execute(query).scalars())

    def memberships(self, campaign_id: str, variant_ids: Collection[str] | None = None) -> list[Membership]:
        """Return which variant serves which brief and placement, in the order of planning.

        Args:
            variant_ids: only these, at most a thousand; None for all.
        """
        query = (
            select(memberships)
            .where(memberships.c.campaign_id == campaign_id)
            .order_by(memberships.c.ordinal, memberships.c.variant_id)
        )
        if variant_ids is not None:
            query = query.where(memberships.c.variant_id.in_(list(variant_ids)))
        with self._reading() as connection:
            return [
                Membership(
                    row.brief_id,
                    row.variant_id,
                    row.placement,
                    row.ordinal,
                    tuple((name, value) for name, value in json.loads(row.labels)),
                    row.locale,
                )
                for row in connection.execute(query)
            ]

    def states(self, variant_ids: Iterable[str]) -> dict[str, str]:
        """Return the state of each variant that the catalogue holds; the others are left out."""
        found: dict[str, str] = {}
        with self._reading() as connection:
            for batch in batches(variant_ids):
                query = select(variants.c.variant_id, variants.c.state).where(variants.c.variant_id.in_(batch))
                found.update((row.variant_id, row.state) for row in connection.execute(query))
        return found

    def tries(self, variant_ids: Iterable[str]) -> dict[str, int]:
        """Return how often each was taken without an end, of those that were at all."""
        found: dict[str, int] = {}
        with self._reading() as connection:
            for batch in batches(variant_ids):
                query = select(variants.c.variant_id, variants.c.tries).where(
                    variants.c.variant_id.in_(batch), variants.c.tries > 0
                )
                found.update((row.variant_id, row.tries) for row in connection.execute(query))
        return found

    def prompts(self, campaign_id: str) -> tuple[str, ...]:
        """Return the campaign's prompts, each once, sorted."""
        query = (
            select(variants.c.prompt)
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(memberships.c.campaign_id == campaign_id)
            .distinct()
        )
        with self._reading() as connection:
            return tuple(sorted(connection.execute(query).scalars()))

    def tally(self, campaign_id: str) -> dict[str, int]:
        """Return how many variants of the campaign are in each state."""
        query = self._counting(campaign_id, variants.c.state)
        with self._reading() as connection:
            return {row.state: row.count_ for row in connection.execute(query)}

    def tally_by_brief(self, campaign_id: str, brief_ids: Collection[str] | None = None) -> dict[str, dict[str, int]]:
        """Return the same for each brief that has variants, or for these of them only."""
        query = self._counting(campaign_id, memberships.c.brief_id, variants.c.state)
        if brief_ids is not None:
            query = query.where(memberships.c.brief_id.in_(list(brief_ids)))
        counts: dict[str, dict[str, int]] = {}
        with self._reading() as connection:
            for row in connection.execute(query):
                counts.setdefault(row.brief_id, {})[row.state] = row.count_
        return counts

    def variants(self, campaign_id: str, states: Collection[str] | None = None) -> list[VariantRow]:
        """Return the campaign's variants, each once, in the order of planning."""
        query = self._whole(campaign_id) if states is None else self._in_states(campaign_id, states)
        with self._reading() as connection:
            return [variant_row(row) for row in connection.execute(query)]

    def waiting(self, campaign_id: str, states: Collection[str]) -> list[Waiting]:
        """Return the same for those in the states, but only what says who may take them.

        What a person may still take back is left out: see ``undoable``.
        """
        query = (
            self._in_states(campaign_id, states)
            .with_only_columns(variants.c.variant_id, variants.c.body, variants.c.lease_owner, variants.c.clip)
            .where(~undoable())
        )
        with self._reading() as connection:
            return [
                Waiting(
                    row.variant_id,
                    json.loads(row.body)["card"],
                    row.lease_owner,
                    json.loads(row.clip).get("machine", "") if row.clip else None,
                )
                for row in connection.execute(query)
            ]

    def variant(self, variant_id: str) -> VariantRow:
        """Return one variant.

        Raises:
            CatalogueError: it is not here.
        """
        with self._reading() as connection:
            row = connection.execute(select(variants).where(variants.c.variant_id == variant_id)).first()
        if row is None:
            raise CatalogueError(
                f"The catalogue holds no variant {variant_id!r}; `reelmill status` lists the campaigns."
            )
        return variant_row(row)

    def device_seconds(self, campaign_id: str) -> float:
        """Return what the device has worked on the campaign's clips that lie here, and on drafts."""
        mine = select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
        query = select(variants.c.clip).where(variants.c.clip.is_not(None), variants.c.variant_id.in_(mine))
        with self._reading() as connection:
            clips = map(json.loads, connection.execute(query).scalars())
            worked = sum(clip["device_seconds"] + clip.get("draft_seconds", 0.0) for clip in clips)
            drafted = select(campaigns.c.draft_seconds).where(campaigns.c.campaign_id == campaign_id)
            return worked + (connection.execute(drafted).scalar() or 0.0)

    def device_rates(self, clips: int = 200) -> dict[str, float]:
        """Return the mean device seconds a clip by card, over some of the clips that lie here."""
        query = select(variants.c.body, variants.c.clip).where(variants.c.clip.is_not(None)).limit(clips)
        seconds: dict[str, list[float]] = {}
        with self._reading() as connection:
            for row in connection.execute(query):
                seconds.setdefault(json.loads(row.body)["card"], []).append(json.loads(row.clip)["device_seconds"])
        return {card: sum(values) / len(values) for card, values in seconds.items()}

    def campaigns_of(self, variant_ids: Iterable[str]) -> dict[str, set[str]]:
        """Return the campaigns that each variant serves."""
        found: dict[str, set[str]] = {}
        with self._reading() as connection:
            for batch in batches(variant_ids):
                query = select(memberships.c.variant_id, memberships.c.campaign_id).where(
                    memberships.c.variant_id.in_(batch)
                )
                for row in connection.execute(query):
                    found.setdefault(row.variant_id, set()).add(row.campaign_id)
        return found

    def left_to_deliver(self) -> dict[str, int]:
        """Return by campaign how many of its clips are approved or being signed."""
        query = (
            select(memberships.c.campaign_id, func.count(variants.c.variant_id.distinct()).label("count_"))
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(variants.c.state.in_(("approved", "signing")))
            .group_by(memberships.c.campaign_id)
        )
        with self._reading() as connection:
            return {row.campaign_id: row.count_ for row in connection.execute(query)}

    def held_for_review(self, campaign_id: str) -> set[str]:
        """Return the campaign's passed variants that no policy may approve: a campaign that shares them,
        or this one, waits for a person; or a person has taken an approval back."""
        reviewed = {row.campaign_id for row in self.campaigns() if row.settings.get("review") == "required"}
        passed = [row.variant_id for row in self.waiting(campaign_id, ["passed"])]
        sharing = self.campaigns_of(passed) if reviewed else {}
        held = {variant_id for variant_id, names in sharing.items() if reviewed & names}
        return held | self._taken_back(passed)

    def _taken_back(self, variant_ids: Iterable[str]) -> set[str]:
        found: set[str] = set()
        with self._reading() as connection:
            for batch in batches(variant_ids):
                found.update(
                    connection.execute(
                        select(reviews.c.variant_id).where(
                            reviews.c.variant_id.in_(batch), reviews.c.undone_at.is_not(None)
                        )
                    ).scalars()
                )
        return found

    def owners(self) -> list[str]:
        """Return who holds leases, whether expired or not."""
        query = select(variants.c.lease_owner).where(variants.c.lease_owner.is_not(None)).distinct()
        with self._reading() as connection:
            return sorted(connection.execute(query).scalars())

    def events(self, campaign_id: str | None = None, *, variant_id: str | None = None) -> list[Event]:
        """Return what happened to a campaign's variants, or to one, the oldest first."""
        query = select(events).order_by(events.c.event_id)
        if variant_id is not None:
            query = query.where(events.c.variant_id == variant_id)
        if campaign_id is not None:
            query = query.where(
                events.c.variant_id.in_(
                    select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
                )
            )
        with self._reading() as connection:
            return [
                Event(
                    row.event_id,
                    row.variant_id,
                    row.at,
                    row.actor,
                    row.from_state,
                    row.to_state,
                    json.loads(row.detail),
                )
                for row in connection.execute(query)
            ]

    def _campaign_rows(self, query: Select[Any]) -> list[CampaignRow]:
        newest_first = query.order_by(campaigns.c.created_at.desc(), campaigns.c.campaign_id)
        with self._reading() as connection:
            return [
                CampaignRow(
                    row.campaign_id,
                    row.name,
                    row.sheet_sha256,
                    json.loads(row.settings),
                    row.created_at,
                    row.draft_seconds,
                    json.loads(row.thresholds),
                    row.second_share,
                    row.priority,
                    row.standing,
                    json.loads(row.stood),
                )
                for row in connection.execute(newest_first)
            ]

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
        """Start from the states: workers poll for the few that wait, among all that were planned."""
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

    @staticmethod
    def _counting(campaign_id: str, *columns: Any) -> Select[Any]:
        return (
            select(*columns, func.count(variants.c.variant_id.distinct()).label("count_"))
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(memberships.c.campaign_id == campaign_id)
            .group_by(*columns)
        )
