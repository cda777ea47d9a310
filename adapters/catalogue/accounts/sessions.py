"""Signed-in sessions of accounts."""

import time

from sqlalchemy import delete

from adapters.catalogue.accounts.accounts import Account
from adapters.catalogue.accounts.secrets import holder_of, new_secret, stored_hash
from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.tables import sessions


class Sessions(CataloguePart):
    """Start, end and look up sessions."""

    def start(self, name: str, seconds: float) -> str:
        """Return the secret of a new session; only its hash is stored. Expired sessions are deleted."""
        with self._db.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < time.time()))
            return new_secret(connection, sessions, name, "", seconds)

    def end(self, secret: str) -> None:
        """End a session."""
        with self._db.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.secret_sha256 == stored_hash(connection, secret)))

    def account(self, secret: str) -> Account | None:
        """Return the account of a session; None if it has expired or the account is disabled."""
        return holder_of(self._db, sessions, secret)
