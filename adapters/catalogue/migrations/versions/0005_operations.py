"""Operations: standing and priority of campaigns, runs, alerts, imported sheets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("campaigns", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("campaigns", sa.Column("standing", sa.String(16), nullable=False, server_default="active"))
    op.add_column("campaigns", sa.Column("stood", sa.Text, nullable=False, server_default="{}"))
    _runs()
    _alerts()
    _arrivals()


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.campaign_id"), nullable=False),
        sa.Column("pool", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("beat_at", sa.Float, nullable=False),
        sa.Column("claimed_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("outcome", sa.String(16), nullable=False, server_default=""),
        sa.Column("waiting", sa.Integer, nullable=False, server_default="0"),
        sa.Column("working", sa.Integer, nullable=False, server_default="0"),
        sa.Column("served", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("spent_s", sa.Float, nullable=False, server_default="0"),
        sa.Column("until", sa.Float),
        sa.Column("budget_s", sa.Float),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
    )
    op.create_index("runs_by_campaign", "runs", ["campaign_id", "started_at"])
    op.create_index(
        "runs_alive",
        "runs",
        ["pool"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("campaign_id", sa.String),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("sent_at", sa.Float),
        sa.Column("given_up_at", sa.Float),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
    )
    op.create_index(
        "alerts_due",
        "alerts",
        ["due_at"],
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )


def _arrivals() -> None:
    op.create_table(
        "arrivals",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("owner", sa.String, nullable=False, server_default=""),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("campaign_id", sa.String),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
