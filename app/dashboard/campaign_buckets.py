"""Find the campaign of a clip; its settings name the bucket that stores the clip."""

from collections.abc import Sequence

from adapters.catalogue import VariantRow
from app.dashboard.deps import Deps
from app.session import Session


def campaign_of(deps: Deps, row: VariantRow, wanted: str = "") -> str | None:
    """Return the campaign of a clip, or None if it has none.

    If several campaigns share the clip, the wanted one is returned, else the one that published it, else the first.
    """
    return _choose(row, deps.catalogue.variants.campaigns_of([row.variant_id]).get(row.variant_id, set()), wanted)


def _choose(row: VariantRow, names: set[str], wanted: str = "") -> str | None:
    if wanted in names:
        return wanted
    if row.signed and row.signed.campaign_id in names:
        return row.signed.campaign_id
    return min(names, default=None)


def session_of(deps: Deps, row: VariantRow) -> Session:
    """Return a session with the settings of the clip's campaign."""
    name = campaign_of(deps, row)
    return Session.of_campaign(name)[0] if name else deps.session


def sessions_of(deps: Deps, rows: Sequence[VariantRow]) -> dict[str, Session]:
    """Return the sessions of many clips by variant id; the settings of each campaign are read once."""
    served = deps.catalogue.variants.campaigns_of([row.variant_id for row in rows])
    names = {row.variant_id: _choose(row, served.get(row.variant_id, set())) for row in rows}
    opened = {name: Session.of_campaign(name)[0] for name in set(names.values()) if name}
    return {key: opened[name] if name else deps.session for key, name in names.items()}
