"""Provider jobs, the accounts they belong to, and budgets of runs in whole micro-units of a currency."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
_OPEN = "state IN ('done', 'submitted', 'submitting', 'uncertain')"
_BUSY = "state IN ('submitted', 'submitting', 'uncertain')"


def upgrade() -> None:
    """Add the tables and the columns. Budgets of earlier runs stay in ``budget_money``."""
    _add_jobs()
    op.create_table(
        "provider_accounts",
        sa.Column("provider", sa.String, primary_key=True),
        sa.Column("concurrency", sa.Integer),
        sa.Column("per_minute", sa.Integer),
        sa.Column("per_day", sa.Integer),
        sa.Column("slowed_until", sa.Float),
        sa.Column("paused_at", sa.Float),
        sa.Column("paused_why", sa.Text, nullable=False, server_default=""),
        sa.Column("paused_cause", sa.String(16), nullable=False, server_default=""),
    )
    op.add_column("runs", sa.Column("budget_micros", sa.BigInteger))
    op.add_column("runs", sa.Column("budget_currency", sa.String(12), nullable=False, server_default=""))


def _add_jobs() -> None:
    op.create_table(
        "provider_jobs",
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("variant_id", sa.String(32), sa.ForeignKey("variants.variant_id"), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.campaign_id"), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False, server_default=""),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("card", sa.String, nullable=False),
        sa.Column("protocol", sa.String, nullable=False),
        sa.Column("base_url", sa.Text, nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False, server_default=""),
        sa.Column("vendor_ref", sa.Text, nullable=False, server_default=""),
        sa.Column("links", sa.Text, nullable=False, server_default="{}"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("word", sa.Text, nullable=False, server_default=""),
        sa.Column("reserved_micros", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("cost_micros", sa.BigInteger),
        sa.Column("currency", sa.String(12), nullable=False, server_default=""),
        sa.Column("cost_is_estimate", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("submitted_at", sa.Float),
        sa.Column("polled_at", sa.Float),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("look_at", sa.Float),
        sa.Column("looks", sa.Integer, nullable=False, server_default="0"),
        sa.Column("url_expires_at", sa.Float),
        sa.Column("facts", sa.Text, nullable=False, server_default="{}"),
        sa.Column("cause", sa.String(16), nullable=False, server_default=""),
        sa.Column("code", sa.Text, nullable=False, server_default=""),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("fetched_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("closed_by", sa.Text, nullable=False, server_default=""),
        sa.Column("owner", sa.String, nullable=False, server_default=""),
        sa.UniqueConstraint("variant_id", "attempt"),
    )
    is_open, is_busy = sa.text(_OPEN), sa.text(_BUSY)
    op.create_index(
        "one_open_job", "provider_jobs", ["variant_id"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("provider_jobs_busy", "provider_jobs", ["provider"], sqlite_where=is_busy, postgresql_where=is_busy)
    op.create_index("provider_jobs_by_provider", "provider_jobs", ["provider", "submitted_at"])
    op.create_index("provider_jobs_by_state", "provider_jobs", ["state", "created_at"])
    op.create_index("provider_jobs_by_campaign", "provider_jobs", ["campaign_id", "created_at"])
    op.create_index("provider_jobs_by_run", "provider_jobs", ["run_id"])
    op.create_index("provider_jobs_by_reference", "provider_jobs", ["vendor_ref"])
