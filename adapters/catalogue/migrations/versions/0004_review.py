"""Review: accounts, reviews, comments, saved views, the audit log, and columns for filters."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
_ROWS = 5000


def upgrade() -> None:
    """Create the tables of the dashboard."""
    _columns()
    _people()
    _reviews()
    _audit()
    _fill_variants()
    _fill_locales()
    _indexes()


def _columns() -> None:
    op.add_column("campaigns", sa.Column("thresholds", sa.Text, nullable=False, server_default="{}"))
    op.add_column("campaigns", sa.Column("second_share", sa.Float, nullable=False, server_default="0"))
    op.add_column("variants", sa.Column("card", sa.String, nullable=False, server_default=""))
    op.add_column("variants", sa.Column("seed", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("variants", sa.Column("prompt", sa.Text, nullable=False, server_default=""))
    op.add_column("variants", sa.Column("made_at", sa.Float, nullable=False, server_default="0"))
    op.add_column("variants", sa.Column("sort_score", sa.Float, nullable=False, server_default="-2"))
    op.add_column("memberships", sa.Column("locale", sa.String, nullable=False, server_default=""))


def _people() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("issuer", sa.String),
        sa.Column("subject", sa.String),
        sa.Column("disabled", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.UniqueConstraint("issuer", "subject"),
    )
    for name in ("sessions", "tokens"):
        op.create_table(
            name,
            sa.Column("secret_sha256", sa.String(64), primary_key=True),
            sa.Column("account", sa.String, sa.ForeignKey("accounts.name"), nullable=False),
            sa.Column("label", sa.String, nullable=False, server_default=""),
            sa.Column("created_at", sa.Float, nullable=False),
            sa.Column("expires_at", sa.Float, nullable=False),
        )
    op.create_table(
        "shares",
        sa.Column("secret_sha256", sa.String(64), primary_key=True),
        sa.Column("campaign_id", sa.String, sa.ForeignKey("campaigns.campaign_id"), nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_table(
        "views",
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("query", sa.Text, nullable=False),
    )


def _reviews() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "reviews",
        sa.Column("review_id", number, primary_key=True, autoincrement=True),
        sa.Column("variant_id", sa.String(32), sa.ForeignKey("variants.variant_id"), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("codes", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("blind", sa.Integer, nullable=False, server_default="0"),
        sa.Column("undo_until", sa.Float),
        sa.Column("undone_at", sa.Float),
    )
    op.create_index("reviews_by_variant", "reviews", ["variant_id"])
    op.create_table(
        "comments",
        sa.Column("comment_id", number, primary_key=True, autoincrement=True),
        sa.Column("variant_id", sa.String(32), sa.ForeignKey("variants.variant_id"), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("clip_s", sa.Float),
    )
    op.create_index("comments_by_variant", "comments", ["variant_id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("head_id", sa.Integer, primary_key=True),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("since_event", sa.BigInteger, nullable=False),
    )
    op.get_bind().execute(
        sa.text(
            "INSERT INTO audit_head (head_id, entries, digest, since_event) "
            "SELECT 1, 0, :genesis, coalesce(max(event_id), 0) FROM events"
        ),
        {"genesis": "0" * 64},
    )
    _append_only()


def _append_only() -> None:
    """Make the database reject changes of entries; the hash chain reveals changes that bypass it."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_refuses() RETURNS trigger AS $$ "
        "BEGIN RAISE EXCEPTION 'the audit is only ever added to'; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuses()"
    )
    op.execute(
        "CREATE TRIGGER audit_never_emptied BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()"
    )


def _fill_variants() -> None:
    connection = op.get_bind()
    update = sa.text("UPDATE variants SET card = :card, seed = :seed, prompt = :prompt WHERE variant_id = :id")
    last = ""
    while rows := connection.execute(
        sa.text("SELECT variant_id, body FROM variants WHERE variant_id > :last ORDER BY variant_id LIMIT :rows"),
        {"last": last, "rows": _ROWS},
    ).all():
        connection.execute(update, [{"id": row.variant_id, **_shown(row.body)} for row in rows])
        last = rows[-1].variant_id
    connection.execute(
        sa.text(
            "UPDATE variants SET sort_score = coalesce(prompt_adherence, -2), "
            "made_at = coalesce((SELECT max(at) FROM events WHERE events.variant_id = variants.variant_id "
            "AND events.to_state IN ('rendered', 'failed')), 0) "
            "WHERE state NOT IN ('planned', 'leased')"
        )
    )


def _shown(body: str) -> dict[str, object]:
    fields = json.loads(body)
    prompt = fields["prompt"].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return {"card": fields["card"], "seed": fields["seed"], "prompt": prompt}


def _fill_locales() -> None:
    connection = op.get_bind()
    bodies = connection.execute(sa.text("SELECT campaign_id, brief_id, body FROM briefs")).all()
    for campaign_id, brief_id, body in bodies:
        locales = json.loads(body).get("locales") or []
        place = {"campaign_id": campaign_id, "brief_id": brief_id}
        for locale in locales:
            label = "%" if len(locales) == 1 else f"%{json.dumps(['locale', locale], separators=(',', ':'))}%"
            connection.execute(
                sa.text(
                    "UPDATE memberships SET locale = :locale WHERE campaign_id = :campaign_id "
                    "AND brief_id = :brief_id AND labels LIKE :label"
                ),
                {**place, "locale": locale, "label": label},
            )


def _indexes() -> None:
    op.create_index("variants_by_score", "variants", ["sort_score", "variant_id"])
    op.create_index("variants_by_state_score", "variants", ["state", "sort_score", "variant_id"])
    op.create_index("variants_by_made", "variants", ["made_at", "variant_id"])
    op.create_index("variants_by_state_made", "variants", ["state", "made_at", "variant_id"])
    op.create_index("variants_by_seed", "variants", ["seed"])
    op.create_index("variants_by_parent", "variants", ["parent_id"])
