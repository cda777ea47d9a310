"""Seals of sessions, API tokens and share links."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns. Rows are sealed when a process with the key opens the catalogue."""
    for table in ("sessions", "tokens", "shares"):
        op.add_column(table, sa.Column("seal", sa.String(64)))
