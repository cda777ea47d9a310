"""Published clips of a campaign, for the deliverables that are made of them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import func, select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import SignedFacts, VariantRow, variant_row
from adapters.catalogue.core.tables import events, memberships, variants
from manifests.states import State


class PublishedFile(NamedTuple):
    """The signed file of a published clip.

    Attributes:
        event_id: number of the event that published it; larger for later ones.
        width, height: in pixels.
        seconds: its length.
        machine: id of the installation that generated it.
    """

    variant_id: str
    event_id: int
    signed: SignedFacts
    width: int
    height: int
    seconds: float
    machine: str


class Published(CataloguePart):
    """Count and list published clips."""

    def count(self, campaign_id: str) -> int:
        """Return how many clips of a campaign were ever published; it changes whenever one more is."""
        query = (
            select(func.count(events.c.variant_id.distinct()))
            .join(memberships, memberships.c.variant_id == events.c.variant_id)
            .where(memberships.c.campaign_id == campaign_id, events.c.to_state == State.PUBLISHED)
        )
        with self._db.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def files(self, campaign_id: str) -> list[PublishedFile]:
        """Return the published clips of a campaign in the order of publishing, without those that cannot be read."""
        mine = select(memberships.c.variant_id).where(memberships.c.campaign_id == campaign_id).distinct()
        with self._db.reading() as connection:
            ids = connection.execute(mine).scalars().all()
        return sorted(self._files(ids), key=lambda file: file.event_id)

    def of(self, variant_id: str) -> PublishedFile | None:
        """Return the file of one clip; None if it is not published."""
        return next(self._files([variant_id]), None)

    def _files(self, variant_ids: Iterable[str]) -> Iterator[PublishedFile]:
        for batch in batches(variant_ids):
            query = (
                select(variants, events.c.event_id)
                .join(events, events.c.variant_id == variants.c.variant_id)
                .where(
                    variants.c.variant_id.in_(batch),
                    variants.c.state == State.PUBLISHED,
                    events.c.to_state == State.PUBLISHED,
                )
            )
            with self._db.reading() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                if found := _published(variant_row(row), row.event_id):
                    yield found


def _published(row: VariantRow, event_id: int) -> PublishedFile | None:
    """Return the file of a variant; None if its row cannot be read."""
    clip, signed = row.clip, row.signed
    if clip is None or signed is None:
        return None
    return PublishedFile(row.variant_id, event_id, signed, clip.width, clip.height, clip.duration_s, clip.machine)
