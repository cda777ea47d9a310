"""`reelmill accounts` and `reelmill audit`: who may come in, and whether the log of decisions holds."""

import getpass
import sys
from typing import Annotated

import typer

from adapters.catalogue.accounts.passwords import hash_password
from app.cli.options import AsJson
from app.cli.output import say, say_json, show_table, warn
from app.session import Session

accounts = typer.Typer(no_args_is_help=True, help="Who may sign in to the dashboard.")
audit = typer.Typer(no_args_is_help=True, help="The log of decisions.")

Name = Annotated[str, typer.Argument(help="Name of the account.")]
Role = Annotated[str, typer.Option("--role", help="viewer, reviewer or admin.")]


@accounts.command()
def add(
    name: Name,
    role: Role = "reviewer",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read it from a pipe.")] = False,
) -> None:
    """Add an account; the password is asked for."""
    hashed = hash_password(_password(password_stdin))
    account = Session.open().catalogue.add_account(name, role, _actor(), password_hash=hashed)
    say(f"{account.name} may sign in as {account.role}.")


@accounts.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List the accounts."""
    rows = Session.open().catalogue.accounts()
    if as_json:
        say_json([{"name": row.name, "role": row.role, "disabled": row.disabled, "issuer": row.issuer} for row in rows])
    elif rows:
        show_table(
            "",
            ["account", "role", "signs in by"],
            [(row.name, row.role, _way(row.disabled, row.issuer, row.password_hash)) for row in rows],
        )
    else:
        say("No account yet; `reelmill review` makes one for you, `reelmill accounts add` for others.")


@accounts.command()
def role(name: Name, role: Annotated[str, typer.Argument(help="viewer, reviewer or admin.")]) -> None:
    """Change a role; the person signs in anew."""
    Session.open().catalogue.change_account(name, _actor(), role=role)
    say(f"{name} is a {role} now.")


@accounts.command()
def password(name: Name, password_stdin: Annotated[bool, typer.Option("--password-stdin")] = False) -> None:
    """Set a new password; the person is signed out everywhere."""
    Session.open().catalogue.change_account(name, _actor(), password_hash=hash_password(_password(password_stdin)))
    say(f"{name} has a new password.")


@accounts.command()
def disable(name: Name) -> None:
    """Let an account sign in no more; it is signed out everywhere."""
    Session.open().catalogue.change_account(name, _actor(), disabled=True)
    say(f"{name} may sign in no more.")


@accounts.command()
def enable(name: Name) -> None:
    """Let a disabled account sign in again."""
    Session.open().catalogue.change_account(name, _actor(), disabled=False)
    say(f"{name} may sign in again.")


@audit.command()
def verify(
    expect: Annotated[str | None, typer.Option("--expect", help="A digest noted earlier.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no entry of the log was changed, left out or put in."""
    report = Session.open().catalogue.verify_audit(expect)
    if as_json:
        say_json({"ok": report.ok, "entries": report.entries, "digest": report.digest, "problems": report.problems})
    else:
        for problem in report.problems:
            warn(problem)
        say(f"{report.entries:,} entries, " + ("all in order." if report.ok else "and the log does not hold."))
        say(f"Digest: {report.digest} (note it elsewhere; --expect DIGEST then finds a log written anew)")
    if not report.ok:
        raise typer.Exit(1)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _actor() -> str:
    return f"person:{getpass.getuser()}"


def _way(disabled: bool, issuer: str | None, password_hash: str | None) -> str:
    if disabled:
        return "disabled"
    return issuer or ("password" if password_hash else "the link of `reelmill review`")
