"""Indexes for finding a campaign's variants by state."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the indexes that polling workers use."""
    op.create_index("variants_by_state", "variants", ["state"])
    op.drop_index("memberships_by_variant", "memberships")
    op.create_index("memberships_by_variant", "memberships", ["variant_id", "campaign_id", "ordinal"])
