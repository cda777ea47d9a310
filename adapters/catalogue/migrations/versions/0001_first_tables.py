"""Campaigns, briefs, variants, memberships and events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("sheet_sha256", sa.String(64), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "briefs",
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.campaign_id"), primary_key=True),
        sa.Column("brief_id", sa.String, primary_key=True),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    _variants()
    _memberships()
    _events()


def _variants() -> None:
    op.create_table(
        "variants",
        sa.Column("variant_id", sa.String(32), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("parent_id", sa.String(32)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.String),
        sa.Column("lease_expires", sa.Float),
        sa.Column("clip", sa.Text),
        sa.Column("score", sa.Text),
        sa.Column("prompt_adherence", sa.Float),
        sa.Column("reasons", sa.Text),
        sa.Column("signed", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("error", sa.Text),
    )
    leased = sa.text("lease_owner IS NOT NULL")
    op.create_index(
        "variants_by_lease_owner", "variants", ["lease_owner"], sqlite_where=leased, postgresql_where=leased
    )


def _memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("campaign_id", sa.String, primary_key=True),
        sa.Column("brief_id", sa.String, primary_key=True),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("variant_id", sa.String(32), sa.ForeignKey("variants.variant_id"), primary_key=True),
        sa.Column("placement", sa.String, primary_key=True),
        sa.Column("labels", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id", "brief_id"], ["briefs.campaign_id", "briefs.brief_id"]),
    )
    op.create_index("memberships_by_variant", "memberships", ["variant_id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("variant_id", sa.String(32), sa.ForeignKey("variants.variant_id"), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("from_state", sa.String(16)),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("events_by_variant", "events", ["variant_id"])
    published = sa.text("to_state = 'published'")
    op.create_index(
        "one_published_event", "events", ["variant_id"], unique=True, sqlite_where=published, postgresql_where=published
    )
