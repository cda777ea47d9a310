"""Variants that exist for a prompt in any campaign."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import select

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import clean, variant_from
from adapters.catalogue.core.tables import variants
from manifests.variant import Variant

_PROMPTS = 10_000
"""Prompts per statement. Each statement reads all variants, so the number is high."""


class ExistingVariant(NamedTuple):
    """A variant with its state."""

    variant: Variant
    state: str


class ExistingFootage(CataloguePart):
    """Find the footage that a stock sheet already has."""

    def of_prompts(self, prompts: Iterable[str]) -> Iterator[ExistingVariant]:
        """Yield every variant of these prompts. All variants are read once per 10,000 prompts."""
        for batch in batches(dict.fromkeys(map(clean, prompts)), _PROMPTS):
            query = select(variants.c.body, variants.c.state).where(variants.c.prompt.in_(batch))
            with self._db.reading() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                yield ExistingVariant(variant_from(row.body), row.state)
