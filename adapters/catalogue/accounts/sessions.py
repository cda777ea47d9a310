"""Signed-in sessions of accounts."""

import time

from sqlalchemy import delete, select

from adapters.catalogue.accounts.accounts import Account
from adapters.catalogue.accounts.secrets import holder_of, new_secret, stored_hash
from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.seals import access_of
from adapters.catalogue.core.tables import sessions
from adapters.catalogue.log.entries import append_if_intact
from adapters.catalogue.log.replay import SHOWN_DIGITS, SIGNED_OUT


class Sessions(CataloguePart):
    """Start, end and look up sessions."""

    def start(self, name: str, seconds: float) -> str:
        """Return the secret of a new session; only its hash is stored. Expired sessions are deleted."""
        with self._db.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < time.time()))
            return new_secret(connection, sessions, name, "", seconds)

    def end(self, secret: str) -> None:
        """End a session, with an audit entry: someone could insert its row again.

        It ends even if the log cannot be written because its head was changed. Unknown secrets add nothing to the log.
        """
        with self._db.writing() as connection:
            mine = sessions.c.secret_sha256 == stored_hash(connection, secret)
            row = connection.execute(select(sessions).where(mine)).first()
            ended = connection.execute(delete(sessions).where(mine)).rowcount
            if row and ended and not access_of(connection).problem:
                actor, subject = f"person:{row.account}", row.secret_sha256[:SHOWN_DIGITS]
                append_if_intact(connection, actor, SIGNED_OUT, [(subject, {})])

    def account(self, secret: str) -> Account | None:
        """Return the account of a session; None if it has expired or the account is disabled."""
        return holder_of(self._db, sessions, secret)
