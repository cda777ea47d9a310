"""What the audit log says about accounts, secrets, reviews and events, to compare it with the tables."""

import hashlib
import json
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, or_, select

from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.core.tables import accounts, events, reviews, sessions, shares, tokens
from manifests.states import DECIDED, STATES, State

SECOND_REVIEW = "second review"
SNAPSHOT = "log sealed"
"""Action of the entry that describes accounts and secrets at the time when the log was sealed."""
SHOWN_DIGITS = 12
"""Digits of a secret's hash that the log contains."""
SIGNED_OUT = "signed out"
"""Action of the entry about a session that a person has ended."""
_ACCOUNT = ("role", "disabled", "issuer", "subject", "password_sha256")
_MEANINGS = {
    "role": "role",
    "disabled": "setting disabled",
    "issuer": "identity provider",
    "subject": "identity at its provider",
    "password_sha256": "password",
}


class LoggedReview(NamedTuple):
    """A review as the log describes it, and as the table should contain it."""

    author: str
    outcome: str
    codes: str
    reason: str
    blind: bool
    undone: bool = False


class Replay:
    """The state that results from the entries of the log, in their order."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, tuple[str, float]]] = {"tokens": {}, "shares": {}}
        self.decisions: Counter[tuple[str, str, str]] = Counter()
        self.reviews: defaultdict[str, list[LoggedReview]] = defaultdict(list)
        self._unknown: set[str] = set()
        self._signed_out: set[str] = set()

    def apply(self, row: Any) -> None:
        """Apply one entry."""
        detail = json.loads(row.detail)
        self.decisions[row.subject, row.action, row.actor] += 1
        if row.action in ("account added", "account changed"):
            self._account(row.subject, row.action, detail)
        elif row.action in ("token added", "shared"):
            self._add_secret("tokens" if row.action == "token added" else "shares", row, detail)
        elif row.action in ("token dropped", "share dropped"):
            self.secrets["tokens" if row.action == "token dropped" else "shares"].pop(row.subject, None)
        elif row.action == SIGNED_OUT:
            self._signed_out.add(row.subject)
        elif row.action == SNAPSHOT:
            self._restart(detail)
        else:
            self._review(row, detail)

    def problems(self, connection: Connection, since_event: int) -> Sequence[Iterator[str]]:
        """Return how the tables differ from the log, each kind on its own."""
        return (
            self._accounts(connection),
            self._secrets(connection, tokens, "API token", "account"),
            self._secrets(connection, shares, "share link", "campaign_id"),
            self._sessions(connection),
            self._events(connection, since_event),
            self._reviews(connection),
        )

    def _account(self, name: str, action: str, detail: Mapping[str, Any]) -> None:
        known = {} if action == "account added" else self.accounts.get(name, {})
        added = {"disabled": 0} if action == "account added" else {}
        changes = {key: detail[key] for key in _ACCOUNT if key in detail}
        if detail.get("password_hash") and "password_sha256" not in detail:  # written by an earlier version
            known = {key: value for key, value in known.items() if key != "password_sha256"}
        self.accounts[name] = known | added | changes

    def _add_secret(self, table: str, row: Any, detail: Mapping[str, Any]) -> None:
        if "secret" in detail:
            self.secrets[table][detail["secret"]] = row.subject, detail["expires_at"]
        else:
            self._unknown.add(table)  # written by an earlier version

    def _restart(self, detail: Mapping[str, Any]) -> None:
        self.accounts = {name: dict(values) for name, values in detail["accounts"].items()}
        self.secrets = {
            table: {key: (owner, expires_at) for key, (owner, expires_at) in detail[table].items()}
            for table in ("tokens", "shares")
        }
        self._unknown.clear()

    def _review(self, row: Any, detail: Mapping[str, Any]) -> None:
        if row.action in (State.APPROVED, State.REJECTED) or (row.action == SECOND_REVIEW and "outcome" in detail):
            blind = row.action == SECOND_REVIEW
            self.reviews[row.subject].append(
                LoggedReview(
                    row.actor,
                    detail["outcome"] if blind else row.action,
                    _text(detail.get("codes", [])),
                    detail.get("reason", ""),
                    blind,
                )
            )
        elif "undone" in detail:
            mine = self.reviews[row.subject]
            newest = max((index for index, each in enumerate(mine) if not each.blind), default=None)
            if newest is not None:
                mine[newest] = mine[newest]._replace(undone=True)

    def _events(self, connection: Connection, since_event: int) -> Iterator[str]:
        query = select(events.c.variant_id, events.c.to_state, events.c.actor).where(
            events.c.event_id > since_event,
            events.c.actor != SYSTEM,
            or_(events.c.actor.startswith("person:"), events.c.to_state.in_(sorted(DECIDED))),
        )
        counted = Counter((row.variant_id, row.to_state, row.actor) for row in connection.execute(query))
        for (variant_id, state, actor), number in counted.items():
            if self.decisions[variant_id, state, actor] < number:
                yield f"{actor} set variant {variant_id} to {state}, but the log has no entry for it."
        for (subject, action, actor), number in self.decisions.items():
            if _causes_event(action, actor) and counted[subject, action, actor] < number:
                yield (
                    f"The log says that {actor} set variant {subject} to {action}, but the event is missing or was "
                    "changed."
                )

    def _accounts(self, connection: Connection) -> Iterator[str]:
        rows = {row.name: row for row in connection.execute(select(accounts))}
        for name in sorted(rows.keys() - self.accounts.keys()):
            yield (
                f"The account {name!r} ({rows[name].role}) was added outside Reelmill: the log has no entry for it. "
                f"Disable it with `reelmill accounts disable {shlex.quote(name)}`."
            )
        for name in sorted(self.accounts.keys() - rows.keys()):
            yield f"The account {name!r} was deleted outside Reelmill: the log has no entry for it."
        for name in sorted(self.accounts.keys() & rows.keys()):
            actual = account_values(rows[name])
            for key, logged in self.accounts[name].items():
                if _plain(actual[key]) != _plain(logged):
                    shown = "" if key == "password_sha256" else f" to {actual[key]!r}; the log says {logged!r}"
                    yield (
                        f"The {_MEANINGS[key]} of the account {name!r} was changed outside Reelmill{shown}. "
                        f"{repair_text(name, self.accounts[name].get('role', rows[name].role))}"
                    )

    def _secrets(self, connection: Connection, table: Table, what: str, owner: str) -> Iterator[str]:
        if table.name in self._unknown:
            return
        rows = {row.secret_sha256[:SHOWN_DIGITS]: row._mapping for row in connection.execute(select(table))}
        logged = self.secrets[table.name]
        for key, row in rows.items():
            if key not in logged:
                yield f"The {what} {key} of {row[owner]!r} was added outside Reelmill: the log has no entry for it."
            elif logged[key] != (row[owner], row["expires_at"]):
                yield f"The {what} {key} of {row[owner]!r} was changed outside Reelmill."
        now = time.time()
        for key, (holder, expires_at) in logged.items():
            if key not in rows and expires_at > now:
                yield f"The {what} {key} of {holder!r} was deleted outside Reelmill: the log has no entry for it."

    def _sessions(self, connection: Connection) -> Iterator[str]:
        for row in connection.execute(select(sessions).where(sessions.c.expires_at > time.time())):
            if (key := row.secret_sha256[:SHOWN_DIGITS]) in self._signed_out:
                yield (
                    f"The session {key} of {row.account!r} was added outside Reelmill: the log says that it was signed "
                    "out. It is not valid, and is deleted once it has expired."
                )

    def _reviews(self, connection: Connection) -> Iterator[str]:
        found: defaultdict[str, list[LoggedReview]] = defaultdict(list)
        for row in connection.execute(select(reviews).order_by(reviews.c.review_id)):
            found[row.variant_id].append(
                LoggedReview(row.author, row.outcome, row.codes, row.reason, bool(row.blind), row.undone_at is not None)
            )
        for variant_id in sorted(found.keys() | {key for key, logged in self.reviews.items() if logged}):
            if found[variant_id] != self.reviews[variant_id]:
                yield from _review_problems(variant_id, found[variant_id], self.reviews[variant_id])


def snapshot(connection: Connection) -> dict[str, Any]:
    """Return accounts and secrets as the entry SNAPSHOT describes them."""
    return {
        "accounts": {row.name: account_values(row) for row in connection.execute(select(accounts))},
        "tokens": _held(connection, tokens, "account"),
        "shares": _held(connection, shares, "campaign_id"),
    }


def account_values(row: Any) -> dict[str, Any]:
    """Return the values of an account that the log describes."""
    return {
        "role": row.role,
        "disabled": row.disabled,
        "issuer": row.issuer,
        "subject": row.subject,
        "password_sha256": digest_of(row.password_hash),
    }


def repair_text(name: str, role: str) -> str:
    """Return the command that restores an account to what the log says."""
    return f"Restore it with `reelmill accounts role {shlex.quote(name)} {role}`."


def digest_of(password_hash: str | None) -> str | None:
    """Return the SHA-256 of an argon2 hash, which reveals nothing about the password."""
    return hashlib.sha256(password_hash.encode()).hexdigest() if password_hash else None


def _held(connection: Connection, table: Table, owner: str) -> dict[str, tuple[str, float]]:
    return {
        row["secret_sha256"][:SHOWN_DIGITS]: (row[owner], row["expires_at"])
        for row in connection.execute(select(table)).mappings()
    }


def _causes_event(action: str, actor: str) -> bool:
    return actor != SYSTEM and action in STATES and (actor.startswith("person:") or action in DECIDED)


def _review_problems(variant_id: str, found: list[LoggedReview], logged: list[LoggedReview]) -> Iterator[str]:
    missing, extra = Counter(logged) - Counter(found), Counter(found) - Counter(logged)
    for review in missing:
        yield (
            f"The review of variant {variant_id} by {review.author} ({review.outcome}) is missing, or was changed "
            "outside Reelmill."
        )
    for review in extra:
        yield (
            f"The table of reviews says that {review.author} {review.outcome} variant {variant_id}"
            f"{' (undone)' if review.undone else ''}, but the log says otherwise."
        )


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _text(codes: list[str]) -> str:
    return json.dumps(codes, separators=(",", ":"))
