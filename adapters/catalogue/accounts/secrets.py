"""Secrets of sessions, API tokens and share links; only their hashes are stored."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from adapters.catalogue.accounts.accounts import Account, account_from
from adapters.catalogue.core.database import Database
from adapters.catalogue.core.seals import SECRET, key_for_reading, key_for_writing
from adapters.catalogue.core.tables import accounts
from adapters.catalogue.review.audit import append
from adapters.catalogue.review.replay import SHOWN_DIGITS

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """An API token or a share link; of its secret, only ``secret_sha256`` is stored."""

    secret_sha256: str
    owner: str
    label: str
    created_at: float
    expires_at: float


def new_secret(connection: Connection, table: Table, name: str, label: str, seconds: float) -> str:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    connection.execute(
        insert(table),
        {
            "secret_sha256": stored_hash(connection, secret, for_writing=True),
            "account": name,
            "label": label,
            "expires_at": time.time() + seconds,
        },
    )
    return secret


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret. Secrets are long and random, so a plain hash suffices."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def holder_of(database: Database, table: Table, secret: str) -> Account | None:
    """Return the enabled account that a valid secret belongs to."""
    query = select(accounts).join(table, table.c.account == accounts.c.name).where(table.c.expires_at > time.time())
    with database.reading() as connection:
        row = connection.execute(query.where(table.c.secret_sha256 == stored_hash(connection, secret))).first()
        account = account_from(row, key_for_reading(connection)) if row else None
    return None if account is None or account.disabled else account


def stored_hash(connection: Connection, secret: str, *, for_writing: bool = False) -> str:
    """Return the hash under which a secret is stored.

    With an audit key it is keyed, so that write access to the database does not suffice to insert a known secret.
    """
    key = key_for_writing(connection) if for_writing else key_for_reading(connection)
    return key.seal(SECRET, hash_secret(secret)) if key else hash_secret(secret)


def logged(connection: Connection, table: Table, secret: str) -> dict[str, Any]:
    """Return what the audit log records of a new secret: enough to recognise its row, and when it expires."""
    found = stored_hash(connection, secret)
    expires_at = connection.execute(select(table.c.expires_at).where(table.c.secret_sha256 == found)).scalar()
    return {"secret": found[:SHOWN_DIGITS], "expires_at": expires_at}


def revoke(database: Database, table: Table, secret_sha256: str, actor: str, action: str) -> None:
    """Delete a secret, with an audit entry."""
    with database.writing() as connection:
        connection.execute(delete(table).where(table.c.secret_sha256 == secret_sha256))
        append(connection, actor, action, [(secret_sha256[:SHOWN_DIGITS], {})])
