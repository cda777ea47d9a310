"""Counts and device time of a campaign."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import brief_from, number_in, object_in
from adapters.catalogue.core.tables import briefs, device_use, memberships, variants
from manifests.brief import Brief
from manifests.goals.goal import goal_of
from manifests.goals.want import is_not_needed, satisfied_goals
from manifests.states import GOOD, NOT_NEEDED, REPLACED, UNDELIVERED, UNFINISHED, State, has_passed


class Progress(CataloguePart):
    """Count a campaign's variants and its device time."""

    def tally(self, campaign_id: str) -> dict[str, int]:
        """Return how many variants of the campaign are in each state, are not needed or replaced by a fallback."""
        query = self._counting(campaign_id, variants.c.state)
        with self._db.reading() as connection:
            counts = Counter({row.state: row.count_ for row in connection.execute(query)})
            spare = Counter(_not_needed(connection, campaign_id).values())
            replaced = _replaced(connection, campaign_id)
        counts.subtract(spare)
        counts.subtract({State.FAILED: replaced})
        derived = {NOT_NEEDED: spare.total(), REPLACED: replaced}
        return {state: number for state, number in (counts | derived).items() if number}

    def not_needed(self, campaign_id: str) -> frozenset[str]:
        """Return the variants that no run of the campaign generates; see ``manifests.goals.want``."""
        with self._db.reading() as connection:
            return frozenset(_not_needed(connection, campaign_id))

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
        """Return how many variants have passed; see ``manifests.states.has_passed``."""
        has_reasons = (func.coalesce(variants.c.reasons, "[]") != "[]").label("has_reasons")
        query = self._counting(campaign_id, variants.c.state, has_reasons)
        with self._db.reading() as connection:
            rows = connection.execute(query).all()
        return sum(row.count_ for row in rows if has_passed(row.state, bool(row.has_reasons)))

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
        """Return the device time that the campaign has caused."""
        query = select(func.sum(device_use.c.seconds)).where(device_use.c.campaign_id == campaign_id)
        with self._db.reading() as connection:
            return number_in(connection.execute(query).scalar())

    def device_rates(self, profile_of: Callable[[str], str] | None = None, clips: int = 200) -> dict[str, float]:
        """Return the mean device seconds per clip by card, over up to ``clips`` clips; reused frames do not count.

        Args:
            profile_of: returns the profile of a card whose clips count; None counts those of every profile.
        """
        query = select(variants.c.body, variants.c.clip).where(variants.c.clip.is_not(None)).limit(clips)
        seconds: dict[str, list[float]] = {}
        with self._db.reading() as connection:
            for row in connection.execute(query):
                variant, worked = json.loads(row.body), number_in(object_in(row.clip).get("device_seconds"))
                card, profile = variant["card"], variant.get("profile", "exact")
                if worked and (profile_of is None or profile_of(card) == profile):
                    seconds.setdefault(card, []).append(worked)
        return {card: sum(values) / len(values) for card, values in seconds.items()}

    @staticmethod
    def _counting(campaign_id: str, *columns: Any) -> Select[Any]:
        return (
            select(*columns, func.count(variants.c.variant_id.distinct()).label("count_"))
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(memberships.c.campaign_id == campaign_id)
            .group_by(*columns)
        )


def _not_needed(connection: Connection, campaign_id: str) -> dict[str, str]:
    """Return the states of the variants that are not needed and that no worker has leased, by id."""
    # Most campaigns have no brief with `want`, and then this is the only query.
    bodies = select(briefs.c.body).where(briefs.c.campaign_id == campaign_id, briefs.c.body.not_like('%"want":null%'))
    wanting = {brief.brief_id: brief for brief in map(brief_from, connection.execute(bodies).scalars())}
    if not wanting:
        return {}
    satisfied = satisfied_goals(wanting.values(), _good_by_goal(connection, campaign_id, wanting))
    if not satisfied:
        return {}
    goals: defaultdict[str, set[str]] = defaultdict(set)
    states: dict[str, str] = {}
    for row in connection.execute(
        select(variants.c.variant_id, variants.c.state, memberships.c.brief_id, memberships.c.labels)
        .join(memberships, memberships.c.variant_id == variants.c.variant_id)
        .where(
            memberships.c.campaign_id == campaign_id,
            variants.c.state.in_(UNFINISHED),
            variants.c.lease_owner.is_(None),
        )
    ):
        brief = wanting.get(row.brief_id)
        goals[row.variant_id].add(goal_of(brief, json.loads(row.labels)) if brief else row.brief_id)
        states[row.variant_id] = row.state
    return {key: state for key, state in states.items() if is_not_needed(state, goals[key], satisfied)}


def _replaced(connection: Connection, campaign_id: str) -> int:
    """Return how many failed variants a fallback model replaces."""
    # Most campaigns have no fallbacks, and then this is the only query.
    bodies = select(briefs.c.body).where(briefs.c.campaign_id == campaign_id, briefs.c.body.like('%"fallbacks":["%'))
    if connection.execute(bodies.limit(1)).first() is None:
        return 0
    used, use = variants.alias(), memberships.alias()
    query = (
        select(func.count(variants.c.variant_id.distinct()))
        .join(memberships, memberships.c.variant_id == variants.c.variant_id)
        .join(used, used.c.parent_id == variants.c.variant_id)
        .join(use, use.c.variant_id == used.c.variant_id)
        .where(
            memberships.c.campaign_id == campaign_id,
            use.c.campaign_id == campaign_id,
            variants.c.state == State.FAILED,
            used.c.card != variants.c.card,
        )
    )
    return int(connection.execute(query).scalar_one())


def _good_by_goal(connection: Connection, campaign_id: str, wanting: Mapping[str, Brief]) -> Counter[str]:
    """Count the good clips of each goal; a clip with several placements counts once for a brief."""
    query = (
        select(memberships.c.brief_id, memberships.c.labels, variants.c.variant_id)
        .join(memberships, memberships.c.variant_id == variants.c.variant_id)
        .where(memberships.c.campaign_id == campaign_id, variants.c.state.in_(GOOD))
    )
    clips = {
        (goal_of(wanting[row.brief_id], json.loads(row.labels)), row.variant_id)
        for row in connection.execute(query)
        if row.brief_id in wanting
    }
    return Counter(goal for goal, _ in clips)
