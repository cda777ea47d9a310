"""Seals of sessions, API tokens and share links: to whom they belong, and until when."""

from typing import Any

from sqlalchemy import Connection, Select, Table, literal, select, update

from adapters.catalogue.core.seals import AuditKey, account_version
from adapters.catalogue.core.tables import sessions, shares, tokens

SECRET_TABLES = {"session": sessions, "API token": tokens, "share link": shares}
"""The tables of secrets, by what a row is."""
HOLDER = "holder"
"""What the seal is for; see ``seals``."""


def secret_rows(table: Table) -> Select[Any]:
    """Select sessions, API tokens or share links, each with what its seal covers.

    A session is bound to the version of its account, because it ends when the account is changed.
    """
    version = account_version(sessions.c.account) if table is sessions else literal(0)
    return select(table, version.label("version"))


def seal_secret(connection: Connection, key: AuditKey, table: Table, secret_sha256: str) -> None:
    """Seal one row as it is stored."""
    mine = table.c.secret_sha256 == secret_sha256
    row = connection.execute(secret_rows(table).where(mine)).one()
    connection.execute(update(table).where(mine).values(seal=key.seal(*secret_fields(table, row))))


def is_sealed_secret(key: AuditKey, table: Table, row: Any) -> bool:
    """Return whether a row of ``secret_rows`` is as Reelmill wrote it."""
    return key.matches(row.seal, *secret_fields(table, row))


def secret_fields(table: Table, row: Any) -> tuple[Any, ...]:
    """Return what the seal of a row covers."""
    owner = [row.campaign_id, row.created_by] if table is shares else [row.account]
    return HOLDER, table.name, row.secret_sha256, owner, row.version, row.expires_at
