"""Who may come in: accounts, sign-ins, API tokens, share links, and the views that people have saved."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.store import Store
from adapters.catalogue.core.tables import accounts, campaigns, sessions, shares, tokens, views
from adapters.catalogue.review.audit import append, lock_head
from manifests.errors import CatalogueError

ROLES = ("viewer", "reviewer", "admin")
SECRET_BYTES = 32
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in.

    Attributes:
        name: unique; events name its holder ``person:name``.
        password_hash: argon2id; None where the account signs in elsewhere, or by link.
        issuer, subject: who says so, for accounts of an OpenID provider.
    """

    name: str
    role: str
    password_hash: str | None = None
    issuer: str | None = None
    subject: str | None = None
    disabled: bool = False
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Token:
    """An API token or a share link; ``secret_sha256`` is all that is kept of its secret."""

    secret_sha256: str
    owner: str
    label: str
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class View:
    """Filters of a gallery under a name."""

    name: str
    query: str


class People(Store):
    """Accounts and secrets; every change of them is in the audit."""

    def add_account(
        self,
        name: str,
        role: str,
        actor: str,
        *,
        password_hash: str | None = None,
        issuer: str | None = None,
        subject: str | None = None,
    ) -> Account:
        """Add an account.

        Raises:
            CatalogueError: the name is taken or unfit, or there is no such role.
        """
        name = _checked(name, role)
        with self._writing() as connection:
            if connection.execute(select(accounts.c.name).where(accounts.c.name == name)).first():
                raise CatalogueError(f"There is an account {name!r} already; choose another name.")
            connection.execute(
                insert(accounts),
                {
                    "name": name,
                    "role": role,
                    "password_hash": password_hash,
                    "issuer": issuer,
                    "subject": subject,
                    "disabled": 0,
                },
            )
            append(connection, actor, "account added", [(name, {"role": role, "issuer": issuer})])
        return self.account(name)

    def accounts(self) -> list[Account]:
        """Return all accounts by name."""
        with self._reading() as connection:
            return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.name))]

    def account(self, name: str) -> Account:
        """Return one account.

        Raises:
            CatalogueError: there is none of this name.
        """
        with self._reading() as connection:
            row = connection.execute(select(accounts).where(accounts.c.name == clean(name))).first()
        if row is None:
            raise CatalogueError(f"There is no account {name!r}; `reelmill accounts list` names them.")
        return _account(row)

    def account_of(self, issuer: str, subject: str) -> Account | None:
        """Return the account of somebody whom an OpenID provider knows."""
        with self._reading() as connection:
            row = connection.execute(
                select(accounts).where(accounts.c.issuer == issuer, accounts.c.subject == subject)
            ).first()
        return _account(row) if row else None

    def change_account(
        self,
        name: str,
        actor: str,
        *,
        role: str | None = None,
        password_hash: str | None = None,
        disabled: bool | None = None,
    ) -> None:
        """Change what is given; a disabled account, and one with a new password or role, is signed out everywhere.

        Raises:
            CatalogueError: no such account or role, or nobody would be left to administer.
        """
        account = self.account(name)
        _checked(account.name, role or account.role)
        values: dict[str, Any] = {
            "role": role,
            "password_hash": password_hash,
            "disabled": None if disabled is None else int(disabled),
        }
        values = {key: value for key, value in values.items() if value is not None}
        with self._writing() as connection:
            lock_head(connection)  # one change after the other, or two admins could take each other's role away
            connection.execute(update(accounts).where(accounts.c.name == account.name).values(**values))
            left = connection.execute(
                select(accounts.c.name).where(accounts.c.role == "admin", accounts.c.disabled == 0)
            ).first()
            if account.role == "admin" and left is None:
                raise CatalogueError(f"{account.name} is the last admin; make somebody else one first.")
            connection.execute(delete(sessions).where(sessions.c.account == account.name))
            told = {key: "new" if key == "password_hash" else value for key, value in values.items()}
            append(connection, actor, "account changed", [(account.name, told)])

    def sign_in(self, name: str, seconds: float) -> str:
        """Return the secret of a new sign-in; only its hash is kept. Sign-ins that have expired are forgotten."""
        with self._writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < time.time()))
            return _new_secret(connection, sessions, name, "", seconds)

    def sign_out(self, secret: str) -> None:
        """End a sign-in."""
        with self._writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.secret_sha256 == _hash(secret)))

    def signed_in(self, secret: str) -> Account | None:
        """Return whose sign-in this is; None where it has expired, or the account is disabled."""
        return self._holder(sessions, secret)

    def add_token(self, name: str, label: str, seconds: float, actor: str) -> str:
        """Return a new API token of an account; it is shown this once."""
        self.account(name)
        with self._writing() as connection:
            append(connection, actor, "token added", [(name, {"label": label})])
            return _new_secret(connection, tokens, name, clean(label), seconds)

    def tokens(self, name: str | None = None) -> list[Token]:
        """Return the API tokens, or those of one account."""
        query = select(tokens).order_by(tokens.c.created_at)
        if name is not None:
            query = query.where(tokens.c.account == name)
        with self._reading() as connection:
            return [
                Token(row.secret_sha256, row.account, row.label, row.created_at, row.expires_at)
                for row in connection.execute(query)
            ]

    def token_holder(self, secret: str) -> Account | None:
        """Return whose API token this is; None where it has expired, or the account is disabled."""
        return self._holder(tokens, secret)

    def drop_token(self, secret_sha256: str, actor: str) -> None:
        """Let a token hold no more."""
        self._drop(tokens, secret_sha256, actor, "token dropped")

    def add_share(self, campaign_id: str, actor: str, seconds: float) -> str:
        """Return the secret of a new link that shows one campaign.

        Raises:
            CatalogueError: there is no such campaign.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with self._writing() as connection:
            if not connection.execute(
                select(campaigns.c.campaign_id).where(campaigns.c.campaign_id == campaign_id)
            ).first():
                raise CatalogueError(f"No campaign in the catalogue is called {campaign_id!r}.")
            connection.execute(
                insert(shares),
                {
                    "secret_sha256": _hash(secret),
                    "campaign_id": campaign_id,
                    "created_by": actor,
                    "expires_at": time.time() + seconds,
                },
            )
            append(connection, actor, "shared", [(campaign_id, {"seconds": seconds})])
        return secret

    def shares(self, campaign_id: str | None = None) -> list[Token]:
        """Return the share links; ``label`` is the campaign."""
        query = select(shares).order_by(shares.c.created_at)
        if campaign_id is not None:
            query = query.where(shares.c.campaign_id == campaign_id)
        with self._reading() as connection:
            return [
                Token(row.secret_sha256, row.created_by, row.campaign_id, row.created_at, row.expires_at)
                for row in connection.execute(query)
            ]

    def shared_campaign(self, secret: str) -> str | None:
        """Return the campaign that a link shows; None where it has expired or was dropped."""
        with self._reading() as connection:
            return connection.execute(
                select(shares.c.campaign_id).where(
                    shares.c.secret_sha256 == _hash(secret), shares.c.expires_at > time.time()
                )
            ).scalar()

    def drop_share(self, secret_sha256: str, actor: str) -> None:
        """Let a share link hold no more."""
        self._drop(shares, secret_sha256, actor, "share dropped")

    def views(self, name: str) -> list[View]:
        """Return the views that an account has saved."""
        query = select(views).where(views.c.account == name).order_by(views.c.name)
        with self._reading() as connection:
            return [View(row.name, row.query) for row in connection.execute(query)]

    def save_view(self, account: str, name: str, query: str) -> None:
        """Keep filters under a name, in the place of those that had it."""
        name = clean(name)
        with self._writing() as connection:
            connection.execute(delete(views).where(views.c.account == account, views.c.name == name))
            connection.execute(insert(views), {"account": account, "name": name, "query": clean(query)})

    def drop_view(self, account: str, name: str) -> None:
        """Forget a view."""
        with self._writing() as connection:
            connection.execute(delete(views).where(views.c.account == account, views.c.name == clean(name)))

    def _holder(self, table: Table, secret: str) -> Account | None:
        query = (
            select(accounts)
            .join(table, table.c.account == accounts.c.name)
            .where(table.c.secret_sha256 == _hash(secret), table.c.expires_at > time.time(), accounts.c.disabled == 0)
        )
        with self._reading() as connection:
            row = connection.execute(query).first()
        return _account(row) if row else None

    def _drop(self, table: Table, secret_sha256: str, actor: str, action: str) -> None:
        with self._writing() as connection:
            connection.execute(delete(table).where(table.c.secret_sha256 == secret_sha256))
            append(connection, actor, action, [(secret_sha256[:12], {})])


def _new_secret(connection: Any, table: Table, name: str, label: str, seconds: float) -> str:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    connection.execute(
        insert(table),
        {"secret_sha256": _hash(secret), "account": name, "label": label, "expires_at": time.time() + seconds},
    )
    return secret


def _hash(secret: str) -> str:
    """Secrets are random and long, so a plain hash suffices: there is nothing to guess."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _checked(name: str, role: str) -> str:
    name = " ".join(clean(name).split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise CatalogueError(f"An account needs a name of 1 to {LONGEST_NAME} printable characters.")
    if role not in ROLES:
        raise CatalogueError(f"There is no role {role!r}; use {', '.join(ROLES)}.")
    return name


def _account(row: Any) -> Account:
    return Account(row.name, row.role, row.password_hash, row.issuer, row.subject, bool(row.disabled), row.created_at)
