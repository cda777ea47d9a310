"""Where a clip belongs: the campaign whose settings say in which bucket it lies."""

from adapters.catalogue import VariantRow
from app.dashboard.desk import Desk
from app.session import Session


def campaign_of(desk: Desk, row: VariantRow, wanted: str = "") -> str | None:
    """Return a campaign that the clip serves: the wanted one, the one that published it, or the first; None of none."""
    names = desk.catalogue.campaigns_of([row.variant_id]).get(row.variant_id, set())
    if wanted in names:
        return wanted
    if row.signed and row.signed.campaign_id in names:
        return row.signed.campaign_id
    return min(names, default=None)


def session_of(desk: Desk, row: VariantRow) -> Session:
    """Return the settings of that campaign."""
    name = campaign_of(desk, row)
    return Session.of_campaign(name)[0] if name else desk.session
