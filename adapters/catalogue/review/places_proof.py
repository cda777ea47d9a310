"""Prove that no campaign that requires review has a clip, before a policy approves the clip."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from adapters.catalogue.core.database import BATCH, CataloguePart, Database
from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import access_of, membership_fields
from adapters.catalogue.core.tables import campaigns, memberships
from adapters.catalogue.log.campaign_log import changed_campaigns
from adapters.catalogue.log.places_log import LoggedPlaces, different_text, logged_places
from manifests.errors import CatalogueError

_ROWS = 10_000
_DIGITS = 16
"""Digits of a variant's id that are compared; if two ids agreed in them, one clip more would wait for review."""


class PlacesProofs(CataloguePart):
    """Look up reviewed clips in places that are complete, which this process reads again only if the log adds some."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._read: dict[str, tuple[str, Sequence[int]]] = {}

    def awaiting_review(self, variant_ids: Collection[str]) -> set[str]:
        """Return the variants that a campaign with required review, or with changed settings, contains.

        Raises:
            CatalogueError: the places of such a campaign were deleted or replaced, so any clip may be one of its own.
        """
        if not variant_ids:
            return set()
        found: set[str] = set()
        with self._db.reading_snapshot() as connection:
            logged = logged_places(connection)
            for name in sorted(logged.keys() - _without_review(connection)):
                places = self._places(connection, name, logged[name])
                found.update(key for key in variant_ids if _contains(places, _number_of(key)))
        return found

    def _places(self, connection: Connection, campaign_id: str, logged: LoggedPlaces) -> Sequence[int]:
        entry, places = self._read.get(campaign_id, ("", array("Q")))
        if entry != logged.digest:
            places = array("Q", sorted(_genuine_places(connection, campaign_id)))
            if len(places) != logged.number:
                raise CatalogueError(
                    f"{different_text(campaign_id, len(places), logged)} Until then, no clip is approved automatically."
                )
            self._read[campaign_id] = logged.digest, places
        return places


def _without_review(connection: Connection) -> set[str]:
    """Return the campaigns whose genuine settings do not require review."""
    found: set[str] = set()
    for rows in connection.execute(select(campaigns)).partitions(BATCH):
        automatic = [row for row in rows if object_in(row.settings).get("review") != "required"]
        found.update({row.campaign_id for row in automatic} - set(changed_campaigns(connection, automatic)))
    return found


def _genuine_places(connection: Connection, campaign_id: str) -> Iterator[int]:
    """Yield the number of the variant of each genuine place."""
    key = access_of(connection).key
    query = select(memberships).where(memberships.c.campaign_id == campaign_id)
    rows: Any = connection.execute(query, execution_options={"yield_per": _ROWS})
    for row in rows:
        if key is None or key.matches(row.seal, *membership_fields(row._mapping)):
            yield _number_of(row.variant_id)


def _number_of(variant_id: str) -> int:
    return int(variant_id[:_DIGITS], 16)


def _contains(places: Sequence[int], number: int) -> bool:
    index = bisect_left(places, number)
    return index < len(places) and places[index] == number
