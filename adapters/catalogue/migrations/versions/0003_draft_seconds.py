"""Book what drafts cost that led to no clip."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Give each campaign an account of it."""
    op.add_column("campaigns", sa.Column("draft_seconds", sa.Float, nullable=False, server_default="0"))
