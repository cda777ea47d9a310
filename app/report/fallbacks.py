"""Which clips are from fallback models, and which variants they replace."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from adapters.catalogue import Catalogue, VariantRow
from tasks.plan.fallback import Replaced, replaced_by


class Fallbacks(NamedTuple):
    """The replacements among some variants.

    Attributes:
        used: what each variant of a fallback model replaces, by its id.
        models: the model that replaces a variant, by the id of the replaced one.
    """

    used: Mapping[str, Replaced] = {}
    models: Mapping[str, str] = {}

    def note(self, variant_id: str) -> str:
        """Return ``fallback for runway-gen4.5: REASON``; empty if a variant is not of a fallback model."""
        found = self.used.get(variant_id)
        return found.note if found else ""

    def replacement(self, variant_id: str) -> str:
        """Return ``replaced by the fallback starter``; empty if a variant is not replaced."""
        model = self.models.get(variant_id)
        return f"replaced by the fallback {model}" if model else ""


NONE = Fallbacks()


def fallbacks_of(catalogue: Catalogue, rows: Sequence[VariantRow]) -> Fallbacks:
    """Return the replacements among variants; replaced variants that are missing are read from the catalogue."""
    by_id = {row.variant_id: row for row in rows}
    wanted = {row.parent_id for row in rows if row.parent_id and row.parent_id not in by_id}
    by_id |= {row.variant_id: row for row in catalogue.variants.of_ids(sorted(wanted))}
    used = dict(_used(rows, by_id))
    return Fallbacks(used, {each.variant_id: by_id[key].variant.card for key, each in used.items()})


def _used(rows: Iterable[VariantRow], by_id: Mapping[str, VariantRow]) -> Iterable[tuple[str, Replaced]]:
    for row in rows:
        if row.parent_id and (found := replaced_by(row, by_id[row.parent_id])):
            yield row.variant_id, found
