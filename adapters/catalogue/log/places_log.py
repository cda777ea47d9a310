"""What the audit log says about the number of places that each campaign has, so that deleted ones are noticed.

Each place has a seal, so none can be added outside Reelmill, and Reelmill never deletes one: the number is enough.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import access_of
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.core.tables import IS_PLACES, audit, campaigns, memberships
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.genuine_entry import is_entry_genuine

PLACES = "places"
"""Action of the entries; each has the number of places that the campaign has from then on."""


@dataclass(frozen=True, slots=True)
class LoggedPlaces:
    """The newest entry about a campaign.

    Attributes:
        digest: digest of the entry.
        number: None if the entry was written or changed outside Reelmill.
    """

    digest: str
    number: int | None


def logged_places(connection: Connection, campaign_id: str | None = None) -> dict[str, LoggedPlaces]:
    """Return the newest entries by campaign. Campaigns of earlier versions have none until they are registered again.

    Args:
        campaign_id: only this campaign; None for all.
    """
    newest = select(func.max(audit.c.audit_id)).where(IS_PLACES).group_by(audit.c.subject)
    if campaign_id is not None:
        newest = newest.where(audit.c.subject == campaign_id)
    key = access_of(connection).key
    found = {}
    rows: Any = connection.execute(select(audit).where(audit.c.audit_id.in_(newest)))
    for row in rows:
        number = object_in(row.detail).get("places") if is_entry_genuine(row, key) else None
        found[row.subject] = LoggedPlaces(row.digest, number)
    return found


def lock_places(connection: Connection, campaign_id: str) -> None:
    """Let other processes wait that add places to a campaign, so that each place is counted once."""
    query = select(campaigns.c.campaign_id).where(campaigns.c.campaign_id == campaign_id)
    connection.execute(query.with_for_update(key_share=True))


def are_complete(connection: Connection, campaign_id: str) -> bool:
    """Return whether a campaign has the places that the log says.

    If not, restored places cannot be distinguished from new ones, so the log keeps the former number until all are
    restored.
    """
    logged = logged_places(connection, campaign_id).get(campaign_id)
    return logged is None or logged.number == _number(connection, campaign_id)


def log_places(connection: Connection, campaign_id: str, added: int) -> None:
    """Add an entry for the new places of a campaign, which ``lock_places`` has locked."""
    logged = logged_places(connection, campaign_id).get(campaign_id)
    if logged is None:
        append(connection, SYSTEM, PLACES, [(campaign_id, {"places": _number(connection, campaign_id)})])
    elif added and logged.number is not None:
        append(connection, SYSTEM, PLACES, [(campaign_id, {"places": logged.number + added})])


def present_places(connection: Connection) -> list[tuple[str, dict[str, Any]]]:
    """Return what an entry has to say about each campaign, as its places are now."""
    number = func.count(memberships.c.variant_id)
    query = (
        select(campaigns.c.campaign_id, number)
        .outerjoin(memberships, memberships.c.campaign_id == campaigns.c.campaign_id)
        .group_by(campaigns.c.campaign_id)
        .order_by(campaigns.c.campaign_id)
    )
    return [(name, {"places": count}) for name, count in connection.execute(query)]


def different_text(campaign_id: str, found: int, logged: LoggedPlaces) -> str:
    """Return what is wrong with a campaign whose number of places is another one, and how to fix it."""
    said = "another number" if logged.number is None else f"{logged.number:,}"
    return (
        f"The campaign {campaign_id} has {found:,} genuine places of clips, but the audit log says {said}: places were "
        "deleted or replaced outside Reelmill. Run its sheet again to restore them. If the numbers still differ, "
        "restore a backup, or accept the present places with `reelmill audit seal`."
    )


def _number(connection: Connection, campaign_id: str) -> int:
    query = select(func.count()).select_from(memberships).where(memberships.c.campaign_id == campaign_id)
    return int(connection.execute(query).scalar_one())
