"""Deliverables with their shots and events; without the limits of provider accounts, which are in the settings."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
_LEASED = "lease_owner IS NOT NULL"
_PUBLISHED = "to_state = 'published'"
_EVENT = "event_id, deliverable_id, at, actor, from_state, to_state, detail"
_REFUSAL = "events of deliverables are only ever added to"


def upgrade() -> None:
    """Add the tables, and drop columns that no version has used."""
    _add_deliverables()
    op.create_table(
        "deliverable_shots",
        sa.Column("deliverable_id", sa.String(32), sa.ForeignKey("deliverables.deliverable_id"), primary_key=True),
        sa.Column("variant_id", sa.String(32), sa.ForeignKey("variants.variant_id"), primary_key=True),
    )
    op.create_index("deliverable_shots_by_variant", "deliverable_shots", ["variant_id"])
    _add_events()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgresql_triggers()
    for name in ("concurrency", "per_minute", "per_day"):
        op.drop_column("provider_accounts", name)


def _add_deliverables() -> None:
    op.create_table(
        "deliverables",
        sa.Column("deliverable_id", sa.String(32), primary_key=True),
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.campaign_id"), nullable=False),
        sa.Column("variant_id", sa.String(32), sa.ForeignKey("variants.variant_id"), nullable=False),
        sa.Column("brief_id", sa.String, nullable=False),
        sa.Column("placement", sa.String, nullable=False),
        sa.Column("locale", sa.String, nullable=False, server_default=""),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_owner", sa.String),
        sa.Column("lease_expires", sa.Float),
        sa.Column("machine", sa.String, nullable=False, server_default=""),
        sa.Column("file", sa.Text),
        sa.Column("signed", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("made_at", sa.Float, nullable=False, server_default="0"),
    )
    op.create_index("deliverables_by_campaign", "deliverables", ["campaign_id", "state"])
    op.create_index("deliverables_by_state", "deliverables", ["state"])
    op.create_index(
        "deliverables_by_lease_owner",
        "deliverables",
        ["lease_owner"],
        sqlite_where=sa.text(_LEASED),
        postgresql_where=sa.text(_LEASED),
    )


def _add_events() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "deliverable_events",
        sa.Column("event_id", number, primary_key=True, autoincrement=True),
        sa.Column("deliverable_id", sa.String(32), sa.ForeignKey("deliverables.deliverable_id"), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("from_state", sa.String(16)),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("seal", sa.String(64)),
    )
    op.create_index("deliverable_events_by_deliverable", "deliverable_events", ["deliverable_id"])
    op.create_index(
        "one_published_deliverable",
        "deliverable_events",
        ["deliverable_id"],
        unique=True,
        sqlite_where=sa.text(_PUBLISHED),
        postgresql_where=sa.text(_PUBLISHED),
    )


def _sqlite_triggers() -> None:
    """Reject changes, and `INSERT OR REPLACE`, which deletes a row without firing the triggers on DELETE."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    for name, when in (
        (
            "no_replace",
            "BEFORE INSERT ON deliverable_events WHEN EXISTS (SELECT 1 FROM deliverable_events "
            "WHERE event_id = NEW.event_id)",
        ),
        (
            "published_once",
            "BEFORE INSERT ON deliverable_events WHEN NEW.to_state = 'published' AND EXISTS (SELECT 1 "
            "FROM deliverable_events WHERE deliverable_id = NEW.deliverable_id AND to_state = 'published')",
        ),
        ("no_update", f"BEFORE UPDATE OF {_EVENT} ON deliverable_events"),
        ("no_delete", "BEFORE DELETE ON deliverable_events"),
    ):
        op.execute(f"CREATE TRIGGER deliverable_events_{name} {when} {refuse}")


def _postgresql_triggers() -> None:
    op.execute(
        "CREATE FUNCTION deliverable_events_refuses() RETURNS trigger AS $$ "
        f"BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        f"CREATE TRIGGER deliverable_events_append_only BEFORE UPDATE OF {_EVENT} OR DELETE ON deliverable_events "
        "FOR EACH ROW EXECUTE FUNCTION deliverable_events_refuses()"
    )
    op.execute(
        "CREATE TRIGGER deliverable_events_never_emptied BEFORE TRUNCATE ON deliverable_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION deliverable_events_refuses()"
    )
