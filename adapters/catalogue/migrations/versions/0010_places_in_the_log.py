"""Find the entries of the log that say how many places each campaign has."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the index. The entries are written when variants are registered, and by `reelmill audit seal`."""
    places = sa.text("action = 'places'")
    op.create_index("audit_places", "audit", ["subject", "audit_id"], sqlite_where=places, postgresql_where=places)
