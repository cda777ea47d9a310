"""Seals of the places of variants in campaigns."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column. Rows are sealed when a process with the key opens the catalogue."""
    op.add_column("memberships", sa.Column("seal", sa.String(64)))
