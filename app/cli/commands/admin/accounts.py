"""`reelmill accounts`: accounts of the dashboard."""

import getpass
import sys
import warnings
from typing import Annotated, Any

import typer

from adapters.catalogue.accounts.account_repair import AccountRepair
from adapters.catalogue.accounts.accounts import Account
from adapters.catalogue.accounts.passwords import new_password_hash
from app.cli.options import AsJson
from app.cli.output import say, say_json
from app.cli.table import show_table
from app.session import Session
from manifests.errors import ReelmillError

accounts = typer.Typer(no_args_is_help=True, help="Manage the accounts of the dashboard.")

NO_TERMINAL = (
    "There is no terminal to enter the password. Send it to standard input, for example: "
    "`reelmill accounts add NAME --password-stdin < password.txt`."
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Account name.")]
Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, reviewer or admin.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@accounts.command()
def add(
    name: Name,
    role: Role = "reviewer",
    password_stdin: PasswordStdin = False,
) -> None:
    """Add an account; prompts for its password."""
    accounts = Session.open().catalogue.accounts
    accounts.check_new(name, role)
    hashed = new_password_hash(_password(password_stdin), name)
    account = accounts.add(name, role, _actor(), password_hash=hashed)
    say(f"Added {account.name} as {account.role}.")


@accounts.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List the accounts."""
    rows = Session.open().catalogue.accounts.all()
    if as_json:
        say_json([_values(row) for row in rows])
    elif rows:
        show_table(
            ["account", "role", "sign-in"],
            [(row.name, row.role, _way(row)) for row in rows],
        )
    else:
        say("No accounts yet. `reelmill review` creates one for you; add others with `reelmill accounts add NAME`.")


@accounts.command()
def role(name: Name, role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, reviewer or admin.")]) -> None:
    """Change the role of an account; the person has to sign in again.

    If the account was changed outside Reelmill, everything else is restored from the audit log.
    """
    repaired = _change(name, role=role)
    say(f"Changed the role of {name} to {role}.")
    _show_repair(name, repaired)


@accounts.command()
def password(name: Name, password_stdin: PasswordStdin = False) -> None:
    """Set a new password; ends all sessions of the account. Its API tokens stay valid.

    If the account was changed outside Reelmill, everything else is restored from the audit log.
    """
    Session.open().catalogue.accounts.get(name)  # an unknown name is reported before the password is typed
    hashed = new_password_hash(_password(password_stdin), name)
    repaired = _change(name, password_hash=hashed)
    say(f"Changed the password of {name}.")
    _show_repair(name, repaired, has_password=True)


@accounts.command()
def disable(name: Name) -> None:
    """Disable an account; ends its sessions, and revokes its API tokens and the share links that it created."""
    repaired = _change(name, disabled=True)
    say(f"Disabled {name}. Its sessions have ended, and its API tokens and share links are revoked.")
    _show_repair(name, repaired)


@accounts.command()
def enable(name: Name) -> None:
    """Enable a disabled account. Earlier API tokens and share links stay revoked."""
    repaired = _change(name, disabled=False)
    say(f"Enabled {name}.")
    _show_repair(name, repaired)


def _change(name: str, **changes: Any) -> AccountRepair | None:
    return Session.open().catalogue.accounts.change(name, _actor(), repair=True, **changes)


def _show_repair(name: str, repaired: AccountRepair | None, *, has_password: bool = False) -> None:
    if repaired is None:
        return
    found = ", ".join("password" if what == "password_sha256" else what for what in repaired.found) or "seal"
    say(
        f"{name} had been changed outside Reelmill ({found}). The rest was restored from the audit log, and an "
        "entry of the log records this."
    )
    if repaired.lost_password and not has_password:
        say(f"Its password had been changed too, and was removed. Set one with `reelmill accounts password {name}`.")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # the password would be visible, or cannot be typed
        try:
            return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
        except getpass.GetPassWarning as error:
            say()  # end the line of the prompt
            raise ReelmillError(NO_TERMINAL) from error


def _actor() -> str:
    return f"person:{getpass.getuser()}"


def _values(row: Account) -> dict[str, object]:
    return {
        "name": row.name,
        "role": row.role,
        "disabled": row.disabled,
        "changed_outside": not row.is_genuine,
        "issuer": row.issuer,
    }


def _way(row: Account) -> str:
    if not row.is_genuine:
        return "changed outside Reelmill"
    if row.disabled:
        return "disabled"
    return row.issuer or ("password" if row.password_hash else "link of `reelmill review`")
