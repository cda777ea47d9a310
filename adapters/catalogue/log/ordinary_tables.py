"""Check that the tables with evidence are ordinary ones: a view could answer each query differently."""

from sqlalchemy import Connection, text

from adapters.catalogue.core.tables import (
    accounts,
    audit,
    audit_head,
    campaigns,
    events,
    memberships,
    reviews,
    sessions,
    shares,
    tokens,
    variants,
)

_NAMES = sorted(
    table.name
    for table in (
        accounts,
        audit,
        audit_head,
        campaigns,
        events,
        memberships,
        reviews,
        sessions,
        shares,
        tokens,
        variants,
    )
)
_POSTGRESQL = text(
    "SELECT relname FROM pg_class "
    "WHERE oid = ANY (SELECT to_regclass(name) FROM unnest(CAST(:names AS text[])) AS name) "
    "AND relkind = 'r' AND NOT relhasrules AND NOT row_security_active(oid)"
)
_SQLITE = text(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN (SELECT name FROM sqlite_temp_master)"
)


def table_problem(connection: Connection) -> str:
    """Return which tables are not ordinary ones; empty if all are."""
    if connection.dialect.name == "postgresql":
        found = connection.execute(_POSTGRESQL, {"names": _NAMES}).scalars()
    else:
        found = connection.execute(_SQLITE).scalars()
    others = sorted({*_NAMES} - {*found})
    if not others:
        return ""
    return (
        f"The database was changed outside Reelmill: {', '.join(others)} {'is' if len(others) == 1 else 'are'} no "
        "ordinary table without rules and row security, so its rows prove nothing. Restore a backup."
    )
