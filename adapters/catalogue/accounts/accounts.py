"""Accounts: who may sign in, and with which role."""

import shlex
import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from adapters.catalogue.accounts.account_repair import AccountRepair, repair_of
from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.seals import AuditKey, account_fields, account_rows, key_for_reading
from adapters.catalogue.core.tables import accounts, sessions, shares, tokens
from adapters.catalogue.log.entries import append, lock_head
from adapters.catalogue.log.replay import digest_of
from manifests.errors import CatalogueError
from manifests.pluralize import any_of

ROLES = ("viewer", "reviewer", "admin")


MAX_NAME_LENGTH = 80
NAME_CHARACTERS = " .-_@'()+"
"""Characters of account names besides letters and digits."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account that can sign in.

    Attributes:
        name: unique; events name the person as ``person:name``.
        password_hash: argon2id; None if the account signs in through OpenID or by link.
        issuer, subject: identity at the OpenID provider, for accounts that sign in there.
        disabled: by an admin, or because it is not genuine.
        is_genuine: False if it was written or changed outside Reelmill.
    """

    name: str
    role: str
    password_hash: str | None = None
    issuer: str | None = None
    subject: str | None = None
    disabled: bool = False
    created_at: float = 0.0
    is_genuine: bool = True


class Accounts(CataloguePart):
    """Add, read and change accounts; each change is in the audit log."""

    def add(
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
            CatalogueError: see ``check_new``.
        """
        name = _checked_name(name)
        _check_role(role)
        with self._db.writing() as connection:
            _check_unused(connection, name)
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
            detail = {"role": role, "issuer": issuer, "subject": subject, "password_sha256": digest_of(password_hash)}
            append(connection, actor, "account added", [(name, detail)])
            _seal(connection, name)
        return self.get(name)

    def check_new(self, name: str, role: str) -> None:
        """Check whether an account can be added, before a person enters its password.

        Raises:
            CatalogueError: the name exists or is invalid, or the role does not exist.
        """
        name = _checked_name(name)
        _check_role(role)
        with self._db.reading() as connection:
            _check_unused(connection, name)

    def all(self) -> list[Account]:
        """Return all accounts by name."""
        with self._db.reading() as connection:
            key = key_for_reading(connection)
            return [account_from(row, key) for row in connection.execute(account_rows().order_by(accounts.c.name))]

    def get(self, name: str) -> Account:
        """Return one account.

        Raises:
            CatalogueError: no account has this name.
        """
        with self._db.reading() as connection:
            return find_account(connection, name)

    def of_identity(self, issuer: str, subject: str) -> Account | None:
        """Return the account of an OpenID identity."""
        with self._db.reading() as connection:
            row = connection.execute(
                account_rows().where(accounts.c.issuer == issuer, accounts.c.subject == subject)
            ).first()
            return account_from(row, key_for_reading(connection)) if row else None

    def change(
        self,
        name: str,
        actor: str,
        *,
        role: str | None = None,
        password_hash: str | None = None,
        disabled: bool | None = None,
        repair: bool = False,
    ) -> AccountRepair | None:
        """Change the given values. Every session of the account ends.

        Disabling an account also revokes its API tokens and the share links that it created, and so does enabling it:
        an account that was disabled by an earlier version can still have some.

        Args:
            repair: if the account was changed outside Reelmill, restore everything else from the audit log. Only for
                changes that an admin asks for.

        Returns:
            What was restored; None if the account was genuine.

        Raises:
            CatalogueError: the account or role does not exist, no enabled admin would be left, or the account was
                changed outside Reelmill and is not to be repaired.
        """
        account = self.get(name)
        _check_role(role or account.role)
        values: dict[str, Any] = {
            "role": role,
            "password_hash": password_hash,
            "disabled": None if disabled is None else int(disabled),
        }
        values = {key: value for key, value in values.items() if value is not None}
        with self._db.writing() as connection:
            lock_head(connection)  # one change at a time; otherwise two admins could remove each other's role
            repaired = _repair(connection, account, allowed=repair)
            values = {**(repaired.restored if repaired else {}), **values}
            connection.execute(update(accounts).where(accounts.c.name == account.name).values(**values))
            left = connection.execute(
                select(accounts.c.name).where(accounts.c.role == "admin", accounts.c.disabled == 0)
            ).first()
            if (repaired.restored["role"] if repaired else account.role) == "admin" and left is None:
                raise CatalogueError(
                    f"{account.name} is the last admin. Give another account the role admin first, or add one: "
                    "`reelmill accounts add NAME --role admin`."
                )
            connection.execute(delete(sessions).where(sessions.c.account == account.name))
            if disabled or (account.disabled and disabled is not None):
                _revoke_access(connection, account.name, actor)
            changes = {key: "new" if key == "password_hash" else value for key, value in values.items()}
            changes |= {"password_sha256": digest_of(password_hash)} if password_hash else {}
            changes |= repaired.logged(changes) if repaired else {}
            append(connection, actor, "account changed", [(account.name, changes)])
            _seal(connection, account.name)
        return repaired


def _revoke_access(connection: Connection, name: str, actor: str) -> None:
    """Delete the API tokens of an account and the share links that it created, with an audit entry for each."""
    for table, owner, action in (
        (tokens, tokens.c.account == name, "token dropped"),
        (shares, shares.c.created_by == f"person:{name}", "share dropped"),
    ):
        revoked = connection.execute(select(table.c.secret_sha256).where(owner)).scalars().all()
        connection.execute(delete(table).where(owner))
        append(connection, actor, action, [(secret[:12], {"account": name}) for secret in revoked])


def name_from(text: str) -> str:
    """Return an account name for the name of a person in another system, such as ``google_17`` for ``google|17``."""
    return "".join(each if _is_allowed(each) or not each.isprintable() else "_" for each in text)


def _checked_name(name: str) -> str:
    """Return the name of a new account without repeated spaces; accounts of earlier versions can have other names."""
    name = " ".join(clean(name).split())
    if len(name) > MAX_NAME_LENGTH or not any(each.isalnum() for each in name) or not all(map(_is_allowed, name)):
        raise CatalogueError(
            f"Invalid account name {name[:MAX_NAME_LENGTH]!r}. Enter up to {MAX_NAME_LENGTH} letters, digits, spaces, "
            f"and the characters {' '.join(NAME_CHARACTERS.strip())} only."
        )
    return name


def _is_allowed(character: str) -> bool:
    """Return whether it is a letter of any script, a mark such as an accent or a vowel sign, or a decimal digit."""
    category = unicodedata.category(character)
    return character in NAME_CHARACTERS or category[0] in "LM" or category == "Nd"


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise CatalogueError(f"Unknown role {role!r}. Use {any_of(ROLES)}.")


def _check_unused(connection: Connection, name: str) -> None:
    if connection.execute(select(accounts.c.name).where(accounts.c.name == name)).first():
        raise CatalogueError(f"The account {name!r} already exists. Choose another name.")


def account_from(row: Any, key: AuditKey | None) -> Account:
    """Return the account of a row of ``account_rows``.

    It counts as disabled if the row was written or changed outside Reelmill, or is an earlier state of the account.
    """
    is_genuine = key is None or key.matches(row.seal, *account_fields(row))
    disabled = bool(row.disabled) or not is_genuine
    return Account(row.name, row.role, row.password_hash, row.issuer, row.subject, disabled, row.created_at, is_genuine)


def _repair(connection: Connection, account: Account, *, allowed: bool) -> AccountRepair | None:
    """Return how to restore an account that was changed outside Reelmill; a new seal alone would accept the change."""
    key = key_for_reading(connection)
    row = connection.execute(account_rows().where(accounts.c.name == account.name)).one()
    if key is None or key.matches(row.seal, *account_fields(row)):
        return None
    if not allowed:
        raise CatalogueError(
            f"The account {account.name!r} was changed outside Reelmill. Run `reelmill audit verify` to see how, and "
            f"`reelmill accounts role {shlex.quote(account.name)} ROLE` to set its role and restore the rest from the "
            "audit log."
        )
    return repair_of(connection, row, key)


def _seal(connection: Connection, name: str) -> None:
    if key := key_for_reading(connection):
        row = connection.execute(account_rows().where(accounts.c.name == name)).one()
        connection.execute(update(accounts).where(accounts.c.name == name).values(seal=key.seal(*account_fields(row))))


def find_account(connection: Connection, name: str) -> Account:
    """Return one account.

    Raises:
        CatalogueError: no account has this name.
    """
    row = connection.execute(account_rows().where(accounts.c.name == clean(name))).first()
    if row is None:
        raise CatalogueError(f"No account is called {name!r}. List accounts with `reelmill accounts list`.")
    return account_from(row, key_for_reading(connection))
