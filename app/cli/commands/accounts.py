"""`reelmill accounts` and `reelmill audit`: accounts of the dashboard, and verification of the audit log."""

import getpass
import sys
from typing import Annotated

import typer

from adapters.catalogue import AuditKey
from adapters.catalogue.accounts.passwords import new_password_hash
from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.cli.table import show_table
from app.session import Session
from manifests.pluralize import count_of, one_or_more
from tasks.deliver.anchors import anchor_problems, write_anchor
from tasks.runtime.resources import catalogue_to_seal, signer_of

accounts = typer.Typer(no_args_is_help=True, help="Manage the accounts of the dashboard.")
audit = typer.Typer(no_args_is_help=True, help="Verify, seal and anchor the audit log.")

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
    hashed = new_password_hash(_password(password_stdin), name)
    account = Session.open().catalogue.accounts.add(name, role, _actor(), password_hash=hashed)
    say(f"Added {account.name} as {account.role}.")


@accounts.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List the accounts."""
    rows = Session.open().catalogue.accounts.all()
    if as_json:
        say_json([{"name": row.name, "role": row.role, "disabled": row.disabled, "issuer": row.issuer} for row in rows])
    elif rows:
        show_table(
            ["account", "role", "sign-in"],
            [(row.name, row.role, _way(row.disabled, row.issuer, row.password_hash)) for row in rows],
        )
    else:
        say("No accounts yet. `reelmill review` creates one for you; add others with `reelmill accounts add NAME`.")


@accounts.command()
def role(name: Name, role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, reviewer or admin.")]) -> None:
    """Change the role of an account; the person has to sign in again."""
    Session.open().catalogue.accounts.change(name, _actor(), role=role)
    say(f"Changed the role of {name} to {role}.")


@accounts.command()
def password(name: Name, password_stdin: PasswordStdin = False) -> None:
    """Set a new password; ends all sessions of the account. Its API tokens stay valid."""
    hashed = new_password_hash(_password(password_stdin), name)
    Session.open().catalogue.accounts.change(name, _actor(), password_hash=hashed)
    say(f"Changed the password of {name}.")


@accounts.command()
def disable(name: Name) -> None:
    """Disable an account; ends its sessions, and revokes its API tokens and the share links that it created."""
    Session.open().catalogue.accounts.change(name, _actor(), disabled=True)
    say(f"Disabled {name}. Its sessions have ended, and its API tokens and share links are revoked.")


@accounts.command()
def enable(name: Name) -> None:
    """Enable a disabled account. Earlier API tokens and share links stay revoked."""
    Session.open().catalogue.accounts.change(name, _actor(), disabled=False)
    say(f"Enabled {name}.")


@audit.command()
def verify(
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="DIGEST", help="Digest printed by an earlier run.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the audit log, and what it describes: accounts, API tokens, share links, reviews, events and approvals."""
    session = Session.open()
    report = session.catalogue.audit.verify(expect)
    anchored = anchor_problems(session.resources) if session.settings.audit_anchor_h else []
    problems, ok = [*report.problems, *anchored], report.ok and not anchored
    if as_json:
        say_json({"ok": ok, "entries": report.entries, "digest": report.digest, "problems": problems})
    else:
        for problem in problems:
            warn(problem)
        verdict = "the log is intact" if ok else "the log was tampered with"
        say(f"{report.entries:,} {one_or_more(report.entries, 'entry', 'entries')} checked: {verdict}.")
        say(f"Digest: {report.digest}")
        say("Store the digest elsewhere. With `--expect DIGEST`, a log that was rewritten as a whole is detected.")
    if not ok:
        raise typer.Exit(1)


@audit.command()
def anchor() -> None:
    """Sign the head of the audit log, and write it to the bucket.

    With REELMILL_AUDIT_ANCHOR_H, runs do this at intervals, and `reelmill audit verify` checks it.
    """
    resources = Session.open().resources
    with signer_of(resources) as signer:
        key = write_anchor(resources, signer)
    say(f"Wrote {key} to the bucket." if key else "The audit log has no new entries since its last anchor.")


@audit.command()
def seal(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Seal the audit log again, as it is now.

    You need this after restoring a backup of an earlier version, after upgrading one with REELMILL_AUDIT_KEY, after
    losing the audit key, and to begin with an empty catalogue after losing the former one. Afterwards, people sign in
    again, and all decisions in the catalogue count as genuine, so read the problems that it prints first.
    """
    session = Session.open()
    catalogue = catalogue_to_seal(session.resources)
    report = catalogue.audit.verify()
    for problem in report.problems:
        warn(problem)
    if not yes and not typer.confirm("Treat everything in the catalogue as genuine, and seal it?"):
        raise typer.Exit(1)
    sealed = catalogue.audit.seal(AuditKey(session.resources.audit_key), _actor())
    say(
        f"Sealed {count_of(sealed, 'decision')}. Restart the dashboard, and resume the campaigns that were in progress."
    )


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _actor() -> str:
    return f"person:{getpass.getuser()}"


def _way(disabled: bool, issuer: str | None, password_hash: str | None) -> str:
    if disabled:
        return "disabled"
    return issuer or ("password" if password_hash else "link of `reelmill review`")
