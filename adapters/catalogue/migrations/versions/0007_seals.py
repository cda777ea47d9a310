"""Seals of the audit log and of decisions; events and reviews can only be added."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
_EVENT = "event_id, variant_id, at, actor, from_state, to_state, detail"
_REVIEW = "review_id, variant_id, author, at, outcome, codes, reason, blind, clip_sha256"


def upgrade() -> None:
    """Add the columns and triggers. Rows are sealed when a process with the key opens the catalogue."""
    op.add_column("audit", sa.Column("seal", sa.String(64)))
    op.add_column("audit_head", sa.Column("sealed_from", sa.BigInteger))
    op.add_column("audit_head", sa.Column("key_id", sa.String(16)))
    op.add_column("audit_head", sa.Column("seal", sa.String(64)))
    op.add_column("accounts", sa.Column("seal", sa.String(64)))
    op.add_column("campaigns", sa.Column("seal", sa.String(64)))
    op.add_column("events", sa.Column("clip_sha256", sa.String(64)))
    op.add_column("events", sa.Column("seal", sa.String(64)))
    op.add_column("reviews", sa.Column("clip_sha256", sa.String(64)))
    op.create_index("audit_by_subject", "audit", ["subject"])
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgresql_triggers()


def _sqlite_triggers() -> None:
    """Reject changes, and `INSERT OR REPLACE`, which deletes a row without firing the triggers on DELETE."""
    refuse = "BEGIN SELECT RAISE(ABORT, '{} only ever added to'); END"
    audit, events, reviews = (refuse.format(what) for what in ("the audit is", "events are", "reviews are"))
    for table, key, text in (
        ("audit", "audit_id", audit),
        ("events", "event_id", events),
        ("reviews", "review_id", reviews),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608 - constants
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) {text}"
        )
    op.execute(
        "CREATE TRIGGER events_published_once BEFORE INSERT ON events WHEN NEW.to_state = 'published' "  # noqa: S608
        "AND EXISTS (SELECT 1 FROM events WHERE variant_id = NEW.variant_id AND to_state = 'published') "
        f"{events}"
    )
    for table, columns, text in (("events", _EVENT, events), ("reviews", _REVIEW, reviews)):
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {columns} ON {table} {text}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {text}")


def _postgresql_triggers() -> None:
    for table, columns in (("events", _EVENT), ("reviews", _REVIEW)):
        op.execute(
            f"CREATE FUNCTION {table}_refuses() RETURNS trigger AS $$ "
            f"BEGIN RAISE EXCEPTION '{table} are only ever added to'; END $$ LANGUAGE plpgsql"
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OF {columns} OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_refuses()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuses()"
        )
