"""API tokens of accounts."""

from sqlalchemy import select

from adapters.catalogue.accounts.accounts import Account, find_account
from adapters.catalogue.accounts.secrets import Token, holder_of, logged, new_secret, revoke
from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.tables import tokens
from adapters.catalogue.log.entries import append


class Tokens(CataloguePart):
    """Issue, list and revoke API tokens."""

    def add(self, name: str, label: str, seconds: float, actor: str) -> str:
        """Return a new API token of an account; it cannot be read again."""
        with self._db.writing() as connection:
            find_account(connection, name)
            secret = new_secret(connection, tokens, name, clean(label), seconds)
            append(connection, actor, "token added", [(name, {"label": label, **logged(connection, tokens, secret)})])
            return secret

    def all(self, name: str | None = None) -> list[Token]:
        """Return the API tokens, or those of one account."""
        query = select(tokens).order_by(tokens.c.created_at)
        if name is not None:
            query = query.where(tokens.c.account == name)
        with self._db.reading() as connection:
            return [
                Token(row.secret_sha256, row.account, row.label, row.created_at, row.expires_at)
                for row in connection.execute(query)
            ]

    def holder(self, secret: str) -> Account | None:
        """Return the account of an API token; None if it has expired or the account is disabled."""
        return holder_of(self._db, tokens, secret)

    def revoke(self, secret_sha256: str, actor: str) -> None:
        """Revoke a token."""
        revoke(self._db, tokens, secret_sha256, actor, "token dropped")
