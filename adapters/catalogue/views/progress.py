"""Counts and device time of a campaign."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, and_, func, select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.tables import campaigns, memberships, variants
from manifests.states import PASSED_OR_LATER, UNDELIVERED, State


class Progress(CataloguePart):
    """Count a campaign's variants and its device time."""

    def tally(self, campaign_id: str) -> dict[str, int]:
        """Return how many variants of the campaign are in each state."""
        query = self._counting(campaign_id, variants.c.state)
        with self._db.reading() as connection:
            return {row.state: row.count_ for row in connection.execute(query)}

    def tally_by_brief(self, campaign_id: str, brief_ids: Collection[str] | None = None) -> dict[str, dict[str, int]]:
        """Return the number of variants in each state, by brief; optionally for these briefs only."""
        query = self._counting(campaign_id, memberships.c.brief_id, variants.c.state)
        if brief_ids is not None:
            query = query.where(memberships.c.brief_id.in_(list(brief_ids)))
        counts: dict[str, dict[str, int]] = {}
        with self._db.reading() as connection:
            for row in connection.execute(query):
                counts.setdefault(row.brief_id, {})[row.state] = row.count_
        return counts

    def tally_by_combination(
        self, campaign_id: str, brief_ids: Collection[str]
    ) -> dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, int]]:
        """Return the number of variants in each state, by brief and labels."""
        counts: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, int]] = {}
        with self._db.reading() as connection:
            for batch in batches(sorted(brief_ids)):
                query = self._counting(campaign_id, memberships.c.brief_id, memberships.c.labels, variants.c.state)
                for row in connection.execute(query.where(memberships.c.brief_id.in_(batch))):
                    labels = tuple((name, value) for name, value in json.loads(row.labels))
                    counts.setdefault((row.brief_id, labels), {})[row.state] = row.count_
        return counts

    def passed(self, campaign_id: str) -> int:
        """Return how many variants passed the gate or were approved; rejected clips that had failed it do not count."""
        failed_before = and_(variants.c.state == State.REJECTED, func.coalesce(variants.c.reasons, "[]") != "[]")
        query = (
            select(func.count(variants.c.variant_id.distinct()))
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(memberships.c.campaign_id == campaign_id, variants.c.state.in_(PASSED_OR_LATER), ~failed_before)
        )
        with self._db.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def left_to_deliver(self) -> dict[str, int]:
        """Return by campaign the number of approved and signing clips."""
        query = (
            select(memberships.c.campaign_id, func.count(variants.c.variant_id.distinct()).label("count_"))
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(variants.c.state.in_(UNDELIVERED))
            .group_by(memberships.c.campaign_id)
        )
        with self._db.reading() as connection:
            return {row.campaign_id: row.count_ for row in connection.execute(query)}

    def device_seconds(self, campaign_id: str) -> float:
        """Return the device time of the campaign's clips and drafts."""
        mine = select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id)
        query = select(variants.c.clip).where(variants.c.clip.is_not(None), variants.c.variant_id.in_(mine))
        with self._db.reading() as connection:
            clips = map(json.loads, connection.execute(query).scalars())
            worked = sum(clip["device_seconds"] + clip.get("draft_seconds", 0.0) for clip in clips)
            drafted = select(campaigns.c.draft_seconds).where(campaigns.c.campaign_id == campaign_id)
            result: float = worked + (connection.execute(drafted).scalar() or 0.0)
            return result

    def device_rates(self, clips: int = 200) -> dict[str, float]:
        """Return the mean device seconds per clip by card, over up to ``clips`` clips."""
        query = select(variants.c.body, variants.c.clip).where(variants.c.clip.is_not(None)).limit(clips)
        seconds: dict[str, list[float]] = {}
        with self._db.reading() as connection:
            for row in connection.execute(query):
                seconds.setdefault(json.loads(row.body)["card"], []).append(json.loads(row.clip)["device_seconds"])
        return {card: sum(values) / len(values) for card, values in seconds.items()}

    @staticmethod
    def _counting(campaign_id: str, *columns: Any) -> Select[Any]:
        return (
            select(*columns, func.count(variants.c.variant_id.distinct()).label("count_"))
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(memberships.c.campaign_id == campaign_id)
            .group_by(*columns)
        )
