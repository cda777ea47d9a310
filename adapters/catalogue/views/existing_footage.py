"""What the catalogue holds of a prompt, whatever campaign asked for it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import select

from adapters.catalogue.core.database import Part, batches
from adapters.catalogue.core.rows import clean, variant_from
from adapters.catalogue.core.tables import variants
from manifests.variant import Variant

_PROMPTS = 10_000
"""Prompts a statement: it reads the whole table of variants, so they are few."""


class Held(NamedTuple):
    """A variant with its state."""

    variant: Variant
    state: str


class ExistingFootage(Part):
    """What a stock sheet asks before it asks for more."""

    def of_prompts(self, prompts: Iterable[str]) -> Iterator[Held]:
        """Yield every variant of these prompts. It reads all variants once for every 10,000 prompts."""
        for batch in batches(dict.fromkeys(map(clean, prompts)), _PROMPTS):
            query = select(variants.c.body, variants.c.state).where(variants.c.prompt.in_(batch))
            with self._db.reading() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                yield Held(variant_from(row.body), row.state)
