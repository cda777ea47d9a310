"""A sealed catalogue with decisions of all kinds, and what someone with write access to its database can do."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import samples
from decisions import decide
from sqlalchemy import Connection, text

from adapters.catalogue import Catalogue, open_catalogue
from adapters.catalogue.log.entries import GENESIS
from adapters.catalogue.log.genuine_entry import digest_of

ANN, BEN, EVE = "person:ann", "person:ben", "person:eve"
KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
NAMES = ("passed", "approved", "by_policy", "published", "rejected", "undone", "blind", "withdrawn", "signing")
"""Names of the variants, by what happened to them."""
CAMPAIGN = samples.campaign().campaign_id


def variant_ids() -> dict[str, str]:
    """Return the ids of the variants by their names."""
    return dict(zip(NAMES, (item.variant_id for item in samples.planned(len(NAMES))), strict=True))


def fill(catalogue: Catalogue) -> None:
    """Add accounts, secrets, and variants with decisions."""
    catalogue.accounts.add("ann", "admin", ANN, password_hash="hash of ann")
    catalogue.accounts.add("ben", "reviewer", ANN, password_hash="hash of ben")
    catalogue.accounts.add("cleo", "viewer", "system", issuer="https://id.example", subject="17")
    samples.filled(catalogue, len(NAMES))
    catalogue.campaigns.add(samples.campaign(), {"review": "required"})
    catalogue.tokens.add("ann", "DAM", 3600, ANN)
    catalogue.share_links.add(CAMPAIGN, ANN, 3600)
    ids = variant_ids()
    for name, key in ids.items():
        samples.bring_to(catalogue, key, name if name in ("published", "withdrawn", "signing") else "passed")
    decide(catalogue, [ids["approved"]], "approved", ANN)
    catalogue.decisions.approve([ids["by_policy"]])
    decide(catalogue, [ids["rejected"], ids["blind"]], "rejected", BEN)
    decide(catalogue, [ids["undone"]], "approved", ANN)
    catalogue.reviews.undo([ids["undone"]], ANN)
    catalogue.blind_reviews.add(ids["blind"], ANN, "approved", reason="fine")


def key_of_home(home: Path) -> bytes | None:
    """Return the audit key that the commands have created in a home; None if they have not yet."""
    return bytes.fromhex((home / "audit.key").read_text()) if (home / "audit.key").exists() else None


def open_home(home: Path) -> Catalogue:
    """Open the catalogue of a home as the commands do."""
    return open_catalogue(f"sqlite:///{home / 'catalogue.sqlite'}", audit_key=key_of_home(home))


def drop_triggers(connection: Connection) -> None:
    """Remove what the database itself prevents, as its owner can."""
    if connection.dialect.name == "sqlite":
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for table in ("audit", "events", "reviews"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


def drop_deliverables(connection: Connection) -> None:
    """Remove the tables of revision 0015."""
    for table in ("deliverable_events", "deliverable_shots", "deliverables"):
        connection.execute(text(f"DROP TABLE {table}"))
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP FUNCTION deliverable_events_refuses"))


def execute(catalogue: Catalogue, *statements: str, **values: Any) -> None:
    """Execute SQL as someone who may write to the tables."""
    with catalogue.database.writing() as connection:
        for statement in statements:
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), used)


def execute_as_owner(catalogue: Catalogue, *statements: str, **values: Any) -> None:
    """Execute SQL as the owner of the database, who can also remove its triggers."""
    with catalogue.database.writing() as connection:
        drop_triggers(connection)
    execute(catalogue, *statements, **values)


def rewrite_log(catalogue: Catalogue, keep: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]) -> None:
    """Replace the log by a consistent chain of other entries, as someone can who knows the program but no key."""
    with catalogue.database.writing() as connection:
        drop_triggers(connection)
        rows = [dict(row) for row in connection.execute(text("SELECT * FROM audit ORDER BY audit_id")).mappings()]
        connection.execute(text("DELETE FROM audit"))
        previous, number = GENESIS, 0
        for row in (new for old in rows for new in keep(old)):
            number += 1
            row |= {"audit_id": number, "previous": previous}
            row["digest"] = previous = digest_of(row)
            names = ", ".join(row)
            connection.execute(
                text(f"INSERT INTO audit ({names}) VALUES ({', '.join(f':{name}' for name in row)})"), row
            )
        connection.execute(
            text("UPDATE audit_head SET entries = :entries, digest = :digest"), {"entries": number, "digest": previous}
        )


def insert_event(catalogue: Catalogue, variant_id: str, actor: str, source: str, state: str, **detail: Any) -> None:
    """Insert an event and set the state, as the program would, but without a seal."""
    execute(
        catalogue,
        "INSERT INTO events (variant_id, at, actor, from_state, to_state, detail, clip_sha256) "
        "VALUES (:key, 0, :actor, :source, :state, :detail, :clip)",
        "UPDATE variants SET state = :state WHERE variant_id = :key",
        key=variant_id,
        actor=actor,
        source=source,
        state=state,
        detail=json.dumps(detail, separators=(",", ":")),
        clip="c" * 64,
    )
