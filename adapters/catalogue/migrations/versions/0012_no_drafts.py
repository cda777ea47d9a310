"""Drafts are no longer made, so no device time is booked on them."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Drop the column. Runs keep this time in their total, and clips keep that of their own drafts."""
    op.drop_column("campaigns", "draft_seconds")
