"""Device time of drafts that are not included in any clip."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column to campaigns."""
    op.add_column("campaigns", sa.Column("draft_seconds", sa.Float, nullable=False, server_default="0"))
