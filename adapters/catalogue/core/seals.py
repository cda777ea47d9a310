"""Seals: keyed hashes over rows, so that write access to the database alone cannot forge a decision."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, bindparam, func, select

from adapters.catalogue.core.log_mark import LogMark
from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.tables import accounts, audit, audit_head, events, variants
from manifests.errors import CatalogueError, SettingsError
from manifests.states import FINISHED, State

KEY_BYTES = 32
"""Minimum length of an audit key."""
SEALED_STATES = frozenset({State.APPROVED, State.REJECTED, State.SIGNING, State.PUBLISHED, State.WITHDRAWN})
"""Events to these states have a seal, and so have events that leave a finished state; see ``needs_seal``."""
EVENT, ENTRY, HEAD, CAMPAIGN, MEMBERSHIP = "event", "entry", "head", "campaign", "membership"
ACCOUNT, SECRET, DELIVERABLE = "account", "secret", "deliverable"
"""What a seal is for; a seal of one kind is never valid as another."""
ACCOUNT_ACTIONS = ("account added", "account changed")
"""Actions of the entries of the log that describe an account."""
_ACCESS = "reelmill_audit_access"
_KEY_ID = select(audit_head.c.key_id).where(audit_head.c.head_id == 1)


class AuditKey:
    """The secret with which rows are sealed (HMAC-SHA256).

    Raises:
        SettingsError: the secret is too short.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise SettingsError(
                f"The audit key is too short. Set REELMILL_AUDIT_KEY to {2 * KEY_BYTES} hex digits, the content of "
                "audit.key in the REELMILL_HOME of the machine that created the catalogue."
            )
        self._secret = secret

    def seal(self, kind: str, *fields: Any) -> str:
        """Return the seal of the fields, 64 hex digits."""
        return hmac.digest(self._secret, json.dumps([kind, *fields]).encode(), "sha256").hex()

    def matches(self, seal: str | None, kind: str, *fields: Any) -> bool:
        """Return whether a seal is that of the fields."""
        if not isinstance(seal, str):  # None, or what SQLite stores in any column
            return False
        return hmac.compare_digest(seal.encode(), self.seal(kind, *fields).encode())

    @property
    def key_id(self) -> str:
        """Identify the key without revealing it; stored in the head of the log."""
        return self.seal("key")[:16]


@dataclass(frozen=True, slots=True)
class AuditAccess:
    """The key of this process.

    Attributes:
        key: None if the process has none, such as one that only renders.
        problem: why the key cannot be used with this catalogue; empty if it can.
        mark: the newest entry of the log that this home knows; None if it does not remember any.
    """

    key: AuditKey | None = field(default=None, repr=False)
    problem: str = ""
    mark: LogMark | None = None


NO_KEY = AuditAccess()


def with_access(engine: Engine, access: AuditAccess) -> Engine:
    """Return an engine whose connections carry the key."""
    return engine.execution_options(**{_ACCESS: access})


def access_of(connection: Connection) -> AuditAccess:
    """Return the key of a connection."""
    found: AuditAccess = connection.get_execution_options().get(_ACCESS, NO_KEY)
    return found


def key_for_reading(connection: Connection) -> AuditKey | None:
    """Return the key with which rows can be checked; None if this process has none for this catalogue."""
    access = access_of(connection)
    return None if access.problem else access.key


def account_rows() -> Select[Any]:
    """Select the accounts, each with its version."""
    return select(accounts, account_version(accounts.c.name).label("version"))


def account_version(name: ColumnElement[str]) -> ColumnElement[int]:
    """Return the number of the newest entry of the log about an account; 0 without one."""
    newest = select(func.coalesce(func.max(audit.c.audit_id), 0))
    return newest.where(audit.c.subject == name, audit.c.action.in_(ACCOUNT_ACTIONS)).scalar_subquery()


def needs_seal(from_state: str | None, to_state: str) -> bool:
    """Return whether an event has a seal: people, policies and delivery write it, never a worker that renders."""
    return to_state in SEALED_STATES or from_state in FINISHED


def campaign_fields(campaign_id: str, settings: str, thresholds: str) -> tuple[str, ...]:
    """Return what the seal of a campaign covers, as the columns store it."""
    return CAMPAIGN, campaign_id, settings, thresholds


def membership_fields(row: Any) -> tuple[str, ...]:
    """Return what the seal of a membership covers; ``row`` maps the columns to their values."""
    names = ("campaign_id", "brief_id", "variant_id", "placement", "labels")
    return MEMBERSHIP, *(row[name] for name in names)


def account_fields(row: Any) -> tuple[Any, ...]:
    """Return what the seal of an account covers; ``row`` is one of ``account_rows``.

    The version makes an earlier state of the row, with its genuine seal, invalid after the account was changed.
    """
    return ACCOUNT, row.name, row.role, row.password_hash, row.issuer, row.subject, row.disabled, row.version


def key_for_writing(connection: Connection) -> AuditKey | None:
    """Return the key that a decision has to be sealed with; None if the catalogue is not sealed.

    Raises:
        CatalogueError: the catalogue is sealed, and this process has no key or another one.
    """
    access = access_of(connection)
    if access.problem:
        raise CatalogueError(access.problem)
    if access.key is None and connection.execute(_KEY_ID).scalar():
        raise CatalogueError(
            "The audit log of this catalogue is sealed, and this process has no key. Set REELMILL_AUDIT_KEY to the "
            "content of audit.key in the REELMILL_HOME of the machine that created the catalogue."
        )
    return access.key


def sealed_events(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return new events with the hash of their clip and their seal, if they need one."""
    if not any(needs_seal(row["from_state"], row["to_state"]) for row in rows):
        return rows
    key = key_for_writing(connection)
    before = _before(connection, [row["variant_id"] for row in rows])
    sealed = []
    for row in rows:
        after, clip = before.get(row["variant_id"], (0, None))
        sealing = key if needs_seal(row["from_state"], row["to_state"]) else None
        seal = event_seal(sealing, row, after, clip) if sealing else None
        sealed.append({**row, "clip_sha256": clip, "seal": seal})
    return sealed


def event_seal(key: AuditKey, row: Any, after: int, clip_sha256: str | None) -> str:
    """Return the seal of an event.

    It covers the variant's previous event, so that a copy of the event is not valid in another place.
    """
    return key.seal(*event_fields(row, after, clip_sha256))


def event_fields(row: Any, after: int, clip_sha256: str | None) -> tuple[Any, ...]:
    """Return what the seal of an event covers; ``row`` maps the columns to their values."""
    names = ("variant_id", "actor", "from_state", "to_state", "detail")
    return EVENT, after, clip_sha256, *(row[name] for name in names)


def clip_sha256_of(clip: str | None) -> str | None:
    """Return the hash in the stored text of a clip; None without a clip."""
    found = object_in(clip).get("sha256")
    return found if isinstance(found, str) else None


_BEFORE = select(
    variants.c.variant_id,
    variants.c.clip,
    select(func.max(events.c.event_id))
    .where(events.c.variant_id == variants.c.variant_id)
    .scalar_subquery()
    .label("last"),
).where(variants.c.variant_id.in_(bindparam("ids", expanding=True)))
"""Built once, because building a statement takes as long as executing it."""


def _before(connection: Connection, variant_ids: Sequence[str]) -> dict[str, tuple[int, str | None]]:
    """Return the last event and the clip's hash of each variant."""
    rows = connection.execute(_BEFORE, {"ids": list(variant_ids)})
    return {row.variant_id: (row.last or 0, clip_sha256_of(row.clip)) for row in rows}
