"""The tables as the code of today knows them; `adapters/migrations` brings a database there."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class database_now(FunctionElement[float]):
    """Seconds since 1970 by the database's clock, so that workers' clocks need not agree."""

    type = Float()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **kwargs: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_now, "postgresql")
def _postgresql_now(element: Any, compiler: Any, **kwargs: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


metadata = MetaData()

campaigns = Table(
    "campaigns", metadata,
    Column("campaign_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("sheet_sha256", String(64), nullable=False),
    Column("settings", Text, nullable=False),
    Column("created_at", Float, nullable=False, default=database_now()),
    Column("draft_seconds", Float, nullable=False, server_default="0"),
)

briefs = Table(
    "briefs", metadata,
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), primary_key=True),
    Column("brief_id", String, primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

variants = Table(
    "variants", metadata,
    Column("variant_id", String(32), primary_key=True),
    Column("body", Text, nullable=False),
    Column("parent_id", String(32)),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("lease_owner", String),
    Column("lease_expires", Float),
    Column("clip", Text),
    Column("score", Text),
    Column("prompt_adherence", Float),
    Column("reasons", Text),
    Column("signed", Text),
    Column("url", Text),
    Column("error", Text),
)
Index("variants_by_state", variants.c.state)
Index("variants_by_lease_owner", variants.c.lease_owner,
      sqlite_where=variants.c.lease_owner.is_not(None), postgresql_where=variants.c.lease_owner.is_not(None))

memberships = Table(
    "memberships", metadata,
    Column("campaign_id", String, primary_key=True),
    Column("brief_id", String, primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("variant_id", ForeignKey("variants.variant_id"), primary_key=True),
    Column("placement", String, primary_key=True),
    Column("labels", Text, nullable=False),
    ForeignKeyConstraint(["campaign_id", "brief_id"], ["briefs.campaign_id", "briefs.brief_id"]),
)
Index("memberships_by_variant", memberships.c.variant_id, memberships.c.campaign_id, memberships.c.ordinal)

events = Table(
    "events", metadata,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("variant_id", ForeignKey("variants.variant_id"), nullable=False),
    Column("at", Float, nullable=False, default=database_now()),
    Column("actor", String, nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Column("detail", Text, nullable=False, default="{}"),
)
Index("events_by_variant", events.c.variant_id)
Index("one_published_event", events.c.variant_id, unique=True,
      sqlite_where=events.c.to_state == "published", postgresql_where=events.c.to_state == "published")
