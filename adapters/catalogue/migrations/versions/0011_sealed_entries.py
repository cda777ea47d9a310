"""Let `reelmill audit seal` seal the entries that were written before it; nothing else of an entry can be changed."""

from alembic import op

revision = "0011"
down_revision = "0010"
_ENTRY = "audit_id, at_ms, actor, action, subject, detail, previous, digest"


def upgrade() -> None:
    """Replace the triggers on updates."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_no_update")
        op.execute(
            f"CREATE TRIGGER audit_no_update BEFORE UPDATE OF {_ENTRY} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END"
        )
        return
    op.execute("DROP TRIGGER audit_append_only ON audit")
    op.execute(
        f"CREATE TRIGGER audit_append_only BEFORE UPDATE OF {_ENTRY} OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuses()"
    )
