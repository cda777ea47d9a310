"""Where a clip belongs: the campaign whose settings say in which bucket it lies."""

from adapters.catalogue import VariantRow
from app.dashboard.deps import Deps
from app.session import Session


def campaign_of(deps: Deps, row: VariantRow, wanted: str = "") -> str | None:
    """Return a campaign that the clip serves: the wanted one, the one that published it, or the first; None of none."""
    names = deps.catalogue.variants.campaigns_of([row.variant_id]).get(row.variant_id, set())
    if wanted in names:
        return wanted
    if row.signed and row.signed.campaign_id in names:
        return row.signed.campaign_id
    return min(names, default=None)


def session_of(deps: Deps, row: VariantRow) -> Session:
    """Return the settings of that campaign."""
    name = campaign_of(deps, row)
    return Session.of_campaign(name)[0] if name else deps.session
