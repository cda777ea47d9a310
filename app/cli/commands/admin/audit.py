"""`reelmill audit`: verify, seal and anchor the audit log."""

import getpass
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from adapters.catalogue import AuditKey
from adapters.catalogue.core.log_mark import KnownEntry
from adapters.catalogue.review.audit import Audit
from adapters.catalogue.review.audit_check import AuditReport
from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.session import Session
from flows.runtime.resources import audit_key_of
from manifests.errors import CatalogueError
from manifests.pluralize import count_of, one_or_more
from manifests.signing_time import moment_text
from tasks.deliver.anchors import AnchorReport, accept_restore, check_anchors, lost_text, write_anchor
from tasks.runtime.resources import catalogue_to_seal, loss_of, signer_of

audit = typer.Typer(no_args_is_help=True, help="Verify, seal and anchor the audit log.")

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
WHAT_ENDS = (
    "The catalogue is sealed with another key than the one of this machine. With a new key, other machines can neither "
    "review nor publish until they get it; all sessions, API tokens and share links end; and everything in the "
    "catalogue counts as genuine from now on."
)


@audit.command()
def verify(
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="DIGEST", help="Digest printed by an earlier run.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the audit log, and what it describes: accounts, API tokens, share links, reviews, events and approvals.

    The log is also compared with its anchors in the bucket, if there are any.
    """
    session = Session.open()
    report, anchors = session.catalogue.audit.verify(expect), check_anchors(session.resources)
    problems = [*report.problems, *anchors.problems]
    if anchors.unchecked and session.settings.audit_anchor_h:
        problems.append(f"The anchors of the audit log cannot be checked. {anchors.unchecked}")
    if as_json:
        say_json(_values(report, anchors, problems))
    else:
        _show(report, anchors, problems)
    if problems:
        raise typer.Exit(1)


@audit.command()
def anchor() -> None:
    """Sign the head of the audit log, and write it to the bucket.

    A log with missing or changed entries is not signed.

    With REELMILL_AUDIT_ANCHOR_H, runs do this at intervals. `reelmill audit verify` checks all anchors.
    """
    session = Session.open()
    session.catalogue.audit.check_key()
    if not session.catalogue.audit.head().entries:
        say("The audit log has no entries yet, so there is nothing to anchor.")
        return
    if lost := check_anchors(session.resources).lost:
        raise CatalogueError(lost_text(lost[-1]))
    with signer_of(session.resources) as signer:
        key = write_anchor(session.resources, signer)
    say(f"Wrote {key} to the bucket." if key else "The audit log has no new entries since its last anchor.")


@audit.command("accept-restore")
def accept(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why entries are missing; required.")] = "",
    yes: Yes = False,
) -> None:
    """Confirm that entries are missing because a backup was restored, or because the catalogue was lost.

    Until then, `reelmill audit verify` reports the missing entries as tampering, and nothing is published. In each home
    that knows such an entry, nothing can be decided either, so run this command there too. The audit log records who
    confirmed this and why. Later losses are reported again.
    """
    session = Session.open()
    if not reason.strip():
        raise CatalogueError("The reason is missing. Add, for example, --reason 'disk failure, backup of 12 May'.")
    anchors = check_anchors(session.resources)
    if anchors.unchecked:
        raise CatalogueError(f"The anchors of the audit log cannot be checked. {anchors.unchecked}")
    known = session.catalogue.audit.lost_entry()
    if not anchors.lost and not known:
        say("Nothing to accept: the log contains all entries that were anchored or that this home knows.")
        return
    _show_missing(session.catalogue.audit, known, anchors)
    question = "Are they missing because you restored a backup, or began with an empty catalogue?"
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)
    accept_restore(session.resources, _actor(), reason, anchors.lost)
    parts = [f"the loss of entry {known.number:,}"] if known else []
    parts += [f"{count_of(len(anchors.lost), 'anchor')} of lost entries"] if anchors.lost else []
    say(f"Accepted: {' and '.join(parts)}.")


def _show_missing(log: Audit, known: KnownEntry | None, anchors: AnchorReport) -> None:
    """Print which entries are missing, since when, and how to find out what they recorded."""
    seen = [datetime.fromisoformat(anchor.at).timestamp() + 1 for anchor in anchors.lost]  # `at` is in whole seconds
    if known:
        seen.append(log.known_since())
        at = moment_text(seen[-1])
        say(f"Missing: entry {known.number:,}, the newest one that this home knows. It was recorded on {at}.")
    for each in anchors.lost:
        say(f"Missing: entry {each.entries:,}, anchored at {each.at}.")
    last = log.last_until(min(seen))
    since = f"after {moment_text(last.at)}, the time of the last entry before the missing ones," if last else "before"
    say(
        f"What happened {since} may be lost. Check accounts and roles with `reelmill accounts list`, campaigns and "
        "withdrawals with `reelmill status`, and published clips that the catalogue does not know with `reelmill sweep "
        "--dry-run`."
    )


@audit.command()
def seal(
    yes: Yes = False,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Replace the key that the catalogue is sealed with.")
    ] = False,
) -> None:
    """Seal the catalogue as it is now.

    You need this after restoring a backup of an earlier version, after upgrading one with REELMILL_AUDIT_KEY, after the
    seals were removed, and to begin with an empty catalogue after losing the former one. Afterwards, all decisions in
    the catalogue count as genuine, and the loss of missing entries counts as accepted, so read the problems that it
    prints first. If the audit key is lost, add --new-key:
    other machines lose access until they get the new key, and all sessions, API tokens and share links end.
    """
    session = Session.open()
    loss = loss_of(session.resources)
    catalogue = catalogue_to_seal(session.resources)
    log, anchors = catalogue.audit, check_anchors(session.resources, catalogue)
    _show_accepted([*filter(None, [loss]), *log.verify().problems], anchors)
    is_replaced = _check_key_change(session, log.head(), new_key)
    if is_replaced:
        warn(WHAT_ENDS)
    if not yes and not typer.confirm("Treat everything in the catalogue as genuine, and seal it?"):
        raise typer.Exit(1)
    changes = log.seal(AuditKey(audit_key_of(session.settings)), _actor(), [anchor.entry for anchor in anchors.lost])
    entries = log.head().entries
    say(
        f"Sealed the audit log ({entries:,} {one_or_more(entries, 'entry', 'entries')}) and "
        f"{count_of(changes, 'state change')} of clips."
    )
    say(_next_steps(session, is_replaced=is_replaced, has_campaigns=bool(catalogue.campaigns.all())))


def _show_accepted(problems: Sequence[str], anchors: AnchorReport) -> None:
    """Print what sealing accepts, without the advice to seal, and what it does not end."""
    accepted = [*problems, *(lost_text(anchor) for anchor in anchors.lost)]
    for problem in accepted:
        warn(problem.partition(". ")[0].rstrip(".") + ".")
    for problem in anchors.invalid:
        warn(f"Sealing does not end this problem: {problem}")
    if anchors.unchecked:
        warn(
            "The anchors of the audit log cannot be checked, so missing entries that only they show are not accepted. "
            f"{anchors.unchecked}"
        )
    elif not accepted and not anchors.invalid:
        say("The audit log is intact. There is nothing to accept.")


def _check_key_change(session: Session, head: Any, new_key: bool) -> bool:
    """Return whether the key of the catalogue is replaced.

    Raises:
        CatalogueError: it would be, and the option is missing; or it would not be, and the option is given.
    """
    resources = session.resources
    is_other = bool(head.key_id) and (not resources.audit_key or AuditKey(resources.audit_key).key_id != head.key_id)
    if (is_other or resources.audit_key_problem) and not new_key:
        fix = "Get the key of the catalogue instead. Only if it is lost everywhere, add --new-key."
        raise CatalogueError(f"Nothing was sealed. {WHAT_ENDS} {fix}" if is_other else resources.audit_key_problem)
    if new_key and not is_other and not resources.audit_key_problem:
        raise CatalogueError(
            "Nothing was sealed: the catalogue has no other key than the one of this machine. To replace that, first "
            f"move {session.settings.home / 'audit.key'} away, or change REELMILL_AUDIT_KEY."
        )
    return is_other or bool(resources.audit_key_problem)


def _next_steps(session: Session, *, is_replaced: bool, has_campaigns: bool) -> str:
    resume = ", and resume the campaigns that were in progress" if has_campaigns else ""
    restart = f"Restart the dashboard{resume}."
    if not is_replaced:
        return restart
    place = "REELMILL_AUDIT_KEY" if session.settings.audit_key else str(session.settings.home / "audit.key")
    return (
        f"Make a backup of the new key ({place}) now, and set REELMILL_AUDIT_KEY to it on all other machines. "
        f"{restart} People have to sign in again; create new API tokens and share links."
    )


def _values(report: AuditReport, anchors: AnchorReport, problems: Sequence[str]) -> dict[str, object]:
    return {
        "ok": not problems,
        "entries": report.entries,
        "digest": report.digest,
        "problems": list(problems),
        "notes": list(report.notes),
        "anchors": {"checked": anchors.checked, "unchecked": anchors.unchecked},
    }


def _show(report: AuditReport, anchors: AnchorReport, problems: Sequence[str]) -> None:
    for problem in problems:
        warn(problem)
    say(f"{report.entries:,} {one_or_more(report.entries, 'entry', 'entries')} checked: {_verdict(report, problems)}.")
    say(_anchors_text(anchors))
    for note in report.notes:
        say(f"Note: {note}")
    say(f"Digest: {report.digest}")
    if report.lacks_key:
        say("Get the key, then run this command again before you store the digest.")
    elif report.lacks_expected and len(problems) == 1:
        say("If you noted the expected digest before the accepted loss, store this one instead.")
    elif problems:
        say("Do not store this digest. The section about tampering in docs/operations.md says what to do.")
    else:
        say("Store the digest elsewhere. With `--expect DIGEST`, a log that was rewritten as a whole is detected.")


def _verdict(report: AuditReport, problems: Sequence[str]) -> str:
    if report.lacks_key and len(problems) == 1:
        return "the seals cannot be checked without the key of the log"
    if report.lacks_expected and len(problems) == 1:
        return "the log does not contain the expected digest"
    return "the log is not intact" if problems else "the log is intact"


def _anchors_text(anchors: AnchorReport) -> str:
    if anchors.unchecked:
        return f"Anchors not checked: {anchors.unchecked}"
    return f"{count_of(anchors.checked, 'anchor')} checked." if anchors.checked else "No anchors found."


def _actor() -> str:
    return f"person:{getpass.getuser()}"
