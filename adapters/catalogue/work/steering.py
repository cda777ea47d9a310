"""Pause, cancel and resume campaigns, and set their priority."""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select, update

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import clean, to_text
from adapters.catalogue.core.state_changes import lock_variants
from adapters.catalogue.core.tables import campaigns, memberships, runs, variants
from adapters.catalogue.log.entries import append
from adapters.catalogue.work.leases import ACTIVE, end_leases, lock_campaign_status
from adapters.catalogue.work.runs import raise_turn_counts
from manifests.errors import CatalogueError, NotFoundError
from manifests.states import State

PAUSED = "paused"


CANCELLED = "cancelled"


STANDINGS = (ACTIVE, PAUSED, CANCELLED)


MIN_PRIORITY, MAX_PRIORITY = -100, 100
"""Bounds of a priority; 0 is the default, higher goes first."""


class CampaignStandingError(CatalogueError):
    """The campaign's standing does not allow this change."""


class Steering(CataloguePart):
    """Change the standing and the priority of campaigns."""

    def steer(self, campaign_id: str, standing: str, actor: str, reason: str = "", *, unless: str = "") -> int:
        """Resume (``active``), pause or cancel a campaign, with an audit entry.

        A paused campaign gets no new leases, and variants in progress are finished. A cancellation also ends the
        leases of variants that are being generated, unless another active campaign shares them; uploads in progress
        are completed. Finished clips are kept in either case.

        Args:
            unless: do nothing if the campaign has this standing.

        Returns:
            The number of leases ended.

        Raises:
            CampaignStandingError: the campaign has the standing ``unless``.
            CatalogueError: the campaign does not exist.
        """
        if standing not in STANDINGS:
            raise ValueError(f"invalid standing {standing!r}; use {', '.join(STANDINGS)}")
        with self._db.writing() as connection:
            lock_campaign_status(connection, campaign_id, alone=True)
            if unless and _standing(connection, campaign_id) == unless:
                raise CampaignStandingError(f"The campaign {campaign_id} is {unless}.")
            stood = to_text({"actor": clean(actor), "reason": clean(reason)})
            changed = connection.execute(
                update(campaigns)
                .where(campaigns.c.campaign_id == campaign_id, campaigns.c.standing != standing)
                .values(standing=standing, stood=stood)
            ).rowcount
            ended = self._end_leases(connection, campaign_id, actor) if standing == CANCELLED else 0
            if changed:
                append(connection, actor, standing, [(campaign_id, {"reason": reason, "leases_ended": ended})])
            else:
                _standing(connection, campaign_id)
        return ended

    def set_priority(self, campaign_id: str, priority: int, actor: str) -> None:
        """Set a campaign's priority; 0 is the default.

        Raises:
            ValueError: outside -100..100.
            CatalogueError: the campaign does not exist.
        """
        if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
            raise ValueError(f"invalid priority {priority}; use {MIN_PRIORITY} to {MAX_PRIORITY}")
        with self._db.writing() as connection:
            changed = connection.execute(
                update(campaigns)
                .where(campaigns.c.campaign_id == campaign_id, campaigns.c.priority != priority)
                .values(priority=priority)
            ).rowcount
            if changed:
                raise_turn_counts(connection, runs.c.campaign_id == campaign_id)
                append(connection, actor, "priority", [(campaign_id, {"priority": priority})])
            else:
                _standing(connection, campaign_id)

    def standing(self, campaign_id: str) -> str:
        """Return ``active``, ``paused`` or ``cancelled``."""
        with self._db.reading() as connection:
            return _standing(connection, campaign_id)

    def _end_leases(self, connection: Connection, campaign_id: str, actor: str) -> int:
        mine = (
            select(memberships.c.variant_id)
            .join(variants, variants.c.variant_id == memberships.c.variant_id)
            .where(
                memberships.c.campaign_id == campaign_id,
                variants.c.lease_owner.is_not(None),
                variants.c.state.in_((State.LEASED, State.RENDERED)),
            )
            .distinct()
        )
        held: dict[str, str] = {}
        for batch in batches(sorted(connection.execute(mine).scalars())):
            own = set(batch) - _shared(connection, batch, campaign_id)
            held |= lock_variants(connection, own, (State.LEASED, State.RENDERED), variants.c.lease_owner.is_not(None))
        # Lock rows before the head of the audit log, as decisions do; the opposite order could deadlock.
        append(
            connection,
            actor,
            State.PLANNED,
            [(key, {"cancelled": campaign_id}) for key, state in held.items() if state == State.LEASED],
        )
        fewer = func.greatest if self._db.dialect == "postgresql" else func.max
        for batch in batches(held):
            end_leases(connection, {key: held[key] for key in batch}, actor, fewer(variants.c.tries - 1, 0))
        return len(held)


def _standing(connection: Connection, campaign_id: str) -> str:
    """Return a campaign's standing.

    Raises:
        CatalogueError: the campaign does not exist.
    """
    found = connection.execute(select(campaigns.c.standing).where(campaigns.c.campaign_id == campaign_id)).scalar()
    if found is None:
        raise NotFoundError(
            f"No campaign in the catalogue has the id {campaign_id!r}. List them with `reelmill status`."
        )
    return str(found)


def _shared(connection: Connection, variant_ids: Iterable[str], campaign_id: str) -> set[str]:
    """Return the variants that another active campaign has too."""
    query = (
        select(memberships.c.variant_id)
        .join(campaigns, campaigns.c.campaign_id == memberships.c.campaign_id)
        .where(
            memberships.c.variant_id.in_(list(variant_ids)),
            memberships.c.campaign_id != campaign_id,
            campaigns.c.standing == ACTIVE,
        )
    )
    return set(connection.execute(query).scalars())
