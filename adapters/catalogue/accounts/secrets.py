"""Secrets of sessions, API tokens and share links; only their hashes are stored."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from adapters.catalogue.accounts.accounts import Account, account_from
from adapters.catalogue.core.database import Database
from adapters.catalogue.core.seals import SECRET, access_of, account_rows, key_for_reading, key_for_writing
from adapters.catalogue.core.secret_seals import is_sealed_secret, seal_secret, secret_rows
from adapters.catalogue.core.tables import accounts, audit
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.known_entry import known_entry, lost_entry_problem
from adapters.catalogue.log.replay import SHOWN_DIGITS, SIGNED_OUT
from manifests.errors import IncompleteLogError

SECRET_BYTES = 32
_REVOKED = ("token dropped", "share dropped", SIGNED_OUT)


@dataclass(frozen=True, slots=True)
class Token:
    """An API token or a share link; of its secret, only ``secret_sha256`` is stored."""

    secret_sha256: str
    owner: str
    label: str
    created_at: float
    expires_at: float


def new_secret(connection: Connection, table: Table, name: str, label: str, seconds: float) -> str:
    return add_secret(connection, table, seconds, account=name, label=label)


def add_secret(connection: Connection, table: Table, seconds: float, **values: Any) -> str:
    """Insert a sealed row with these values, and return its secret.

    Raises:
        IncompleteLogError: the end of the log was cut off, so no secret is valid.
    """
    if problem := lost_entry_problem(connection, known_entry(connection)):
        raise IncompleteLogError(problem)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    key, found = key_for_writing(connection), stored_hash(connection, secret, for_writing=True)
    connection.execute(insert(table), {"secret_sha256": found, "expires_at": time.time() + seconds, **values})
    if key:
        seal_secret(connection, key, table, found)
    return secret


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret. Secrets are long and random, so a plain hash suffices."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def holder_of(database: Database, table: Table, secret: str) -> Account | None:
    """Return the enabled account that a valid secret belongs to."""
    with database.reading() as connection:
        held = valid_row(connection, table, secret)
        if held is None:
            return None
        row = connection.execute(account_rows().where(accounts.c.name == held.account)).one()
        account = account_from(row, key_for_reading(connection))
    return None if account.disabled else account


def valid_row(connection: Connection, table: Table, secret: str) -> Any:
    """Return the row of a secret; None if it has expired, was revoked, or was written or changed outside Reelmill."""
    access = access_of(connection)
    if access.problem:
        return None  # nothing shows if the row is genuine
    known = known_entry(connection)
    mine = table.c.secret_sha256 == stored_hash(connection, secret)
    row = connection.execute(secret_rows(table).where(mine, table.c.expires_at > time.time())).first()
    if row is None or access.key is None:
        return row
    if lost_entry_problem(connection, known):
        return None  # a former state may have been restored, in which it was not revoked or its account had more rights
    return row if is_sealed_secret(access.key, table, row) and not _is_revoked(connection, row) else None


def _is_revoked(connection: Connection, row: Any) -> bool:
    """Return whether the log says that the row was deleted; someone could insert it again with its seal."""
    subject = row.secret_sha256[:SHOWN_DIGITS]
    query = select(audit.c.audit_id).where(audit.c.subject == subject, audit.c.action.in_(_REVOKED)).limit(1)
    return connection.execute(query).first() is not None


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
