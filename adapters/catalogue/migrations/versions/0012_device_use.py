"""Device use: the seconds that devices spent on campaigns; budgets of runs in money."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the table and the columns, and book the device time of earlier runs, on devices that are not known."""
    op.create_table(
        "device_use",
        sa.Column("use_id", sa.String(32), primary_key=True),
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.campaign_id"), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False, server_default=""),
        sa.Column("card", sa.String, nullable=False, server_default=""),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("owner", sa.String, nullable=False, server_default=""),
        sa.Column("device", sa.String, nullable=False, server_default=""),
        sa.Column("device_kind", sa.String, nullable=False, server_default=""),
        sa.Column("seconds", sa.Float, nullable=False, server_default="0"),
        sa.Column("booked_at", sa.Float, nullable=False),
    )
    op.create_index("device_use_by_campaign", "device_use", ["campaign_id"])
    op.create_index("device_use_by_run", "device_use", ["run_id"])
    op.add_column("runs", sa.Column("budget_money", sa.Float))
    op.add_column("runs", sa.Column("prices", sa.Text, nullable=False, server_default="{}"))
    op.execute(
        "INSERT INTO device_use (use_id, campaign_id, run_id, kind, owner, seconds, booked_at) "
        "SELECT run_id, campaign_id, run_id, 'generate', owner, spent_s, beat_at FROM runs WHERE spent_s > 0"
    )
