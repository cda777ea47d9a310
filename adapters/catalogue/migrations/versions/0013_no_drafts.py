"""Drafts are no longer made, so no device time is booked on them."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Drop the column. Device use and runs have this time in their totals, and clips that of their own drafts."""
    op.drop_column("campaigns", "draft_seconds")
