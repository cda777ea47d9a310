"""The tables of this version; `adapters/catalogue/migrations` migrates a database to them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from manifests.hosted.job import BUSY, OPEN, JobState
from manifests.states import State


class database_now(FunctionElement[float]):
    """Seconds since 1970 by the database's clock, so that the clocks of workers need not agree."""

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
    "campaigns",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("sheet_sha256", String(64), nullable=False),
    Column("settings", Text, nullable=False),
    Column("created_at", Float, nullable=False, default=database_now()),
    Column("thresholds", Text, nullable=False, server_default="{}"),
    Column("second_share", Float, nullable=False, server_default="0"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("standing", String(16), nullable=False, server_default="active"),
    Column("stood", Text, nullable=False, server_default="{}"),
    Column("seal", String(64)),
)

briefs = Table(
    "briefs",
    metadata,
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), primary_key=True),
    Column("brief_id", String, primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

variants = Table(
    "variants",
    metadata,
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
    Column("card", String, nullable=False, server_default=""),
    Column("seed", BigInteger, nullable=False, server_default="0"),
    Column("prompt", Text, nullable=False, server_default=""),
    Column("made_at", Float, nullable=False, server_default="0"),
    Column("sort_score", Float, nullable=False, server_default="-2"),
)
UNSCORED = -2.0
"""``sort_score`` of a clip without a score: below every cosine, so that the clip is listed last."""
Index("variants_by_state", variants.c.state)
Index("variants_by_score", variants.c.sort_score, variants.c.variant_id)
Index("variants_by_state_score", variants.c.state, variants.c.sort_score, variants.c.variant_id)
Index("variants_by_made", variants.c.made_at, variants.c.variant_id)
Index("variants_by_state_made", variants.c.state, variants.c.made_at, variants.c.variant_id)
Index("variants_by_seed", variants.c.seed)
Index("variants_by_parent", variants.c.parent_id)
Index(
    "variants_by_lease_owner",
    variants.c.lease_owner,
    sqlite_where=variants.c.lease_owner.is_not(None),
    postgresql_where=variants.c.lease_owner.is_not(None),
)

memberships = Table(
    "memberships",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("brief_id", String, primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("variant_id", ForeignKey("variants.variant_id"), primary_key=True),
    Column("placement", String, primary_key=True),
    Column("labels", Text, nullable=False),
    Column("locale", String, nullable=False, server_default=""),
    Column("seal", String(64)),
    ForeignKeyConstraint(["campaign_id", "brief_id"], ["briefs.campaign_id", "briefs.brief_id"]),
)
Index("memberships_by_variant", memberships.c.variant_id, memberships.c.campaign_id, memberships.c.ordinal)

events = Table(
    "events",
    metadata,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("variant_id", ForeignKey("variants.variant_id"), nullable=False),
    Column("at", Float, nullable=False, default=database_now()),
    Column("actor", String, nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Column("detail", Text, nullable=False, default="{}"),
    Column("clip_sha256", String(64)),
    Column("seal", String(64)),
)
Index("events_by_variant", events.c.variant_id)
Index(
    "one_published_event",
    events.c.variant_id,
    unique=True,
    sqlite_where=events.c.to_state == State.PUBLISHED,
    postgresql_where=events.c.to_state == State.PUBLISHED,
)

deliverables = Table(
    "deliverables",
    metadata,
    Column("deliverable_id", String(32), primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), nullable=False),
    Column("variant_id", ForeignKey("variants.variant_id"), nullable=False),
    Column("brief_id", String, nullable=False),
    Column("placement", String, nullable=False),
    Column("locale", String, nullable=False, server_default=""),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("lease_owner", String),
    Column("lease_expires", Float),
    Column("machine", String, nullable=False, server_default=""),
    Column("file", Text),
    Column("signed", Text),
    Column("url", Text),
    Column("error", Text, nullable=False, server_default=""),
    Column("made_at", Float, nullable=False, server_default="0"),
)
Index("deliverables_by_campaign", deliverables.c.campaign_id, deliverables.c.state)
Index("deliverables_by_state", deliverables.c.state)
Index(
    "deliverables_by_lease_owner",
    deliverables.c.lease_owner,
    sqlite_where=deliverables.c.lease_owner.is_not(None),
    postgresql_where=deliverables.c.lease_owner.is_not(None),
)

deliverable_shots = Table(
    "deliverable_shots",
    metadata,
    Column("deliverable_id", ForeignKey("deliverables.deliverable_id"), primary_key=True),
    Column("variant_id", ForeignKey("variants.variant_id"), primary_key=True),
)
"""The masters of each deliverable, so that withdrawing a clip finds all that were made of it."""
Index("deliverable_shots_by_variant", deliverable_shots.c.variant_id)

deliverable_events = Table(
    "deliverable_events",
    metadata,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("deliverable_id", ForeignKey("deliverables.deliverable_id"), nullable=False),
    Column("at", Float, nullable=False, default=database_now()),
    Column("actor", String, nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Column("detail", Text, nullable=False, default="{}"),
    Column("seal", String(64)),
)
Index("deliverable_events_by_deliverable", deliverable_events.c.deliverable_id)
Index(
    "one_published_deliverable",
    deliverable_events.c.deliverable_id,
    unique=True,
    sqlite_where=deliverable_events.c.to_state == State.PUBLISHED,
    postgresql_where=deliverable_events.c.to_state == State.PUBLISHED,
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text),
    Column("issuer", String),
    Column("subject", String),
    Column("disabled", Integer, nullable=False, server_default="0"),
    Column("created_at", Float, nullable=False, default=database_now()),
    Column("seal", String(64)),
    UniqueConstraint("issuer", "subject"),
)


def _secrets(name: str) -> Table:
    """Sessions and API tokens: only the hash of the secret is stored."""
    return Table(
        name,
        metadata,
        Column("secret_sha256", String(64), primary_key=True),
        Column("account", ForeignKey("accounts.name"), nullable=False),
        Column("label", String, nullable=False, default=""),
        Column("created_at", Float, nullable=False, default=database_now()),
        Column("expires_at", Float, nullable=False),
        Column("seal", String(64)),
    )


sessions, tokens = _secrets("sessions"), _secrets("tokens")

shares = Table(
    "shares",
    metadata,
    Column("secret_sha256", String(64), primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Float, nullable=False, default=database_now()),
    Column("expires_at", Float, nullable=False),
    Column("seal", String(64)),
)

views = Table(
    "views",
    metadata,
    Column("account", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("query", Text, nullable=False),
)

_number = BigInteger().with_variant(Integer, "sqlite")

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", _number, primary_key=True, autoincrement=True),
    Column("variant_id", ForeignKey("variants.variant_id"), nullable=False),
    Column("author", String, nullable=False),
    Column("at", Float, nullable=False, default=database_now()),
    Column("outcome", String(16), nullable=False),
    Column("codes", Text, nullable=False, default="[]"),
    Column("reason", Text, nullable=False, default=""),
    Column("blind", Integer, nullable=False, default=0),
    Column("undo_until", Float),
    Column("undone_at", Float),
    Column("clip_sha256", String(64)),
)
Index("reviews_by_variant", reviews.c.variant_id)

comments = Table(
    "comments",
    metadata,
    Column("comment_id", _number, primary_key=True, autoincrement=True),
    Column("variant_id", ForeignKey("variants.variant_id"), nullable=False),
    Column("author", String, nullable=False),
    Column("at", Float, nullable=False, default=database_now()),
    Column("body", Text, nullable=False),
    Column("clip_s", Float),
)
Index("comments_by_variant", comments.c.variant_id)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("seal", String(64)),
)
Index("audit_by_subject", audit.c.subject)
IS_PLACES = audit.c.action == literal_column("'places'")
"""A literal, because SQLite uses a partial index only if the query repeats its condition."""
Index("audit_places", audit.c.subject, audit.c.audit_id, sqlite_where=IS_PLACES, postgresql_where=IS_PLACES)

audit_head = Table(
    "audit_head",
    metadata,
    Column("head_id", Integer, primary_key=True),
    Column("entries", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("since_event", BigInteger, nullable=False),
    Column("sealed_from", BigInteger),
    Column("key_id", String(16)),
    Column("seal", String(64)),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(32), primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), nullable=False),
    Column("pool", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("started_at", Float, nullable=False, default=database_now()),
    Column("beat_at", Float, nullable=False, default=database_now()),
    Column("claimed_at", Float, nullable=False, default=database_now()),
    Column("ended_at", Float),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("waiting", Integer, nullable=False, server_default="0"),
    Column("working", Integer, nullable=False, server_default="0"),
    Column("served", BigInteger, nullable=False, server_default="0"),
    Column("spent_s", Float, nullable=False, server_default="0"),
    Column("until", Float),
    Column("budget_s", Float),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("budget_money", Float),
    Column("prices", Text, nullable=False, server_default="{}"),
    Column("budget_micros", BigInteger),
    Column("budget_currency", String(12), nullable=False, server_default=""),
)
Index("runs_by_campaign", runs.c.campaign_id, runs.c.started_at)
Index("runs_alive", runs.c.pool, sqlite_where=runs.c.ended_at.is_(None), postgresql_where=runs.c.ended_at.is_(None))

device_use = Table(
    "device_use",
    metadata,
    Column("use_id", String(32), primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), nullable=False),
    Column("run_id", String(32), nullable=False, server_default=""),
    Column("card", String, nullable=False, server_default=""),
    Column("kind", String(16), nullable=False),
    Column("owner", String, nullable=False, server_default=""),
    Column("device", String, nullable=False, server_default=""),
    Column("device_kind", String, nullable=False, server_default=""),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("booked_at", Float, nullable=False, default=database_now()),
)
Index("device_use_by_campaign", device_use.c.campaign_id)
Index("device_use_by_run", device_use.c.run_id)

provider_jobs = Table(
    "provider_jobs",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("variant_id", ForeignKey("variants.variant_id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), nullable=False),
    Column("run_id", String(32), nullable=False, server_default=""),
    Column("provider", String, nullable=False),
    Column("card", String, nullable=False),
    Column("protocol", String, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("request_digest", String(64), nullable=False, server_default=""),
    Column("vendor_ref", Text, nullable=False, server_default=""),
    Column("links", Text, nullable=False, server_default="{}"),
    Column("state", String(16), nullable=False),
    Column("word", Text, nullable=False, server_default=""),
    Column("reserved_micros", BigInteger, nullable=False, server_default="0"),
    Column("cost_micros", BigInteger),
    Column("currency", String(12), nullable=False, server_default=""),
    Column("cost_is_estimate", Integer, nullable=False, server_default="0"),
    Column("created_at", Float, nullable=False, default=database_now()),
    Column("submitted_at", Float),
    Column("polled_at", Float),
    Column("due_at", Float, nullable=False),
    Column("look_at", Float),
    Column("looks", Integer, nullable=False, server_default="0"),
    Column("url_expires_at", Float),
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("cause", String(16), nullable=False, server_default=""),
    Column("code", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("fetched_at", Float),
    Column("ended_at", Float),
    Column("closed_by", Text, nullable=False, server_default=""),
    Column("owner", String, nullable=False, server_default=""),
    UniqueConstraint("variant_id", "attempt"),
)


def _is_one_of(states: Iterable[JobState]) -> ColumnElement[bool]:
    """Return the condition on a job's state, in literals, as in ``IS_PLACES``."""
    return provider_jobs.c.state.in_([literal_column(f"'{state}'") for state in sorted(states)])


IS_OPEN = _is_one_of(OPEN)
IS_BUSY = _is_one_of(BUSY)
IS_UNSENT = (provider_jobs.c.state == JobState.CANCELLED) & provider_jobs.c.submitted_at.is_(None)
"""Reserved jobs whose request was surely not sent."""
Index("one_open_job", provider_jobs.c.variant_id, unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
Index("provider_jobs_busy", provider_jobs.c.provider, sqlite_where=IS_BUSY, postgresql_where=IS_BUSY)
Index("provider_jobs_by_provider", provider_jobs.c.provider, provider_jobs.c.submitted_at)
Index("provider_jobs_by_state", provider_jobs.c.state, provider_jobs.c.created_at)
Index("provider_jobs_by_campaign", provider_jobs.c.campaign_id, provider_jobs.c.created_at)
Index("provider_jobs_by_run", provider_jobs.c.run_id)
Index("provider_jobs_by_reference", provider_jobs.c.vendor_ref)

provider_accounts = Table(
    "provider_accounts",
    metadata,
    Column("provider", String, primary_key=True),
    Column("slowed_until", Float),
    Column("paused_at", Float),
    Column("paused_why", Text, nullable=False, server_default=""),
    Column("paused_cause", String(16), nullable=False, server_default=""),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", _number, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, unique=True),
    Column("at", Float, nullable=False, default=database_now()),
    Column("kind", String(32), nullable=False),
    Column("campaign_id", String),
    Column("text", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("due_at", Float, nullable=False, default=database_now()),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("sent_at", Float),
    Column("given_up_at", Float),
    Column("error", Text, nullable=False, server_default=""),
)
Index(
    "alerts_due", alerts.c.due_at, sqlite_where=alerts.c.sent_at.is_(None), postgresql_where=alerts.c.sent_at.is_(None)
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("name", String, nullable=False),
    Column("place", String, nullable=False),
    Column("at", Float, nullable=False, default=database_now()),
    Column("state", String(16), nullable=False),
    Column("owner", String, nullable=False, server_default=""),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("campaign_id", String),
    Column("detail", Text, nullable=False, server_default=""),
)

night_schedules = Table(
    "night_schedules",
    metadata,
    Column("name", String, primary_key=True),
    Column("body", Text, nullable=False),
    Column("active", Integer, nullable=False, server_default="1"),
    Column("created_at", Float, nullable=False, default=database_now()),
)
