"""Start to seal the log and the decisions of a catalogue."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from adapters.catalogue.core.database import BATCH, Database, batches
from adapters.catalogue.core.deliverable_changes import deliverable_event_fields
from adapters.catalogue.core.seals import (
    ENTRY,
    SEALED_STATES,
    SECRET,
    AuditAccess,
    AuditKey,
    account_fields,
    account_rows,
    campaign_fields,
    clip_sha256_of,
    event_seal,
    membership_fields,
    needs_seal,
)
from adapters.catalogue.core.secret_seals import is_sealed_secret, seal_secret, secret_rows
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.core.tables import (
    accounts,
    audit,
    audit_head,
    campaigns,
    deliverable_events,
    events,
    memberships,
    sessions,
    shares,
    tokens,
    variants,
)
from adapters.catalogue.log.campaign_log import SETTINGS, settings_digest
from adapters.catalogue.log.earlier_entries import EarlierEntries
from adapters.catalogue.log.entries import GENESIS, add_entries, head_of, lock_head, write_head
from adapters.catalogue.log.genuine_entry import has_own_digest, is_entry_genuine
from adapters.catalogue.log.places_log import PLACES, present_places
from adapters.catalogue.log.replay import SNAPSHOT, snapshot
from adapters.catalogue.log.restores import ACCEPTED, LostEntry, acceptance
from manifests.states import FINISHED, State

WRONG_KEY = (
    "The audit log of this catalogue is sealed with another key than the one of this process. Set REELMILL_AUDIT_KEY "
    "to the content of audit.key in the REELMILL_HOME of the machine that created the catalogue. Only if that key is "
    "lost on every machine and in every backup, run `reelmill audit seal --new-key`: it ends the access of machines "
    "with the former key."
)
SEAL_REMOVED = (
    "The audit log of this catalogue was sealed, but now it is not: the seal was removed, or an older backup was "
    "restored. Run `reelmill audit verify` to see what was changed, and then `reelmill audit seal`."
)
NOT_SEALED = (
    "The audit log of this catalogue is not sealed. After an upgrade from a version without seals, check it with "
    "`reelmill audit verify`, and run `reelmill audit seal` once. If it was sealed before, under this or another name "
    "or by another machine, the seal was removed: restore a backup."
)
STARTED_EMPTY = "started empty"
"""Action of the entry with which a person confirms that a catalogue without campaigns is not a lost one."""
SEALED_WITHOUT = "sealed without these entries"
"""Reason of a loss that is accepted by sealing."""


def access_to(
    database: Database, key: AuditKey | None, *, may_begin: bool, was_sealed: bool = False, key_problem: str = ""
) -> AuditAccess:
    """Return how this process may use a catalogue with its key; start to seal a catalogue that is not sealed.

    Args:
        may_begin: seal the catalogue even if it has a history.
        was_sealed: do not seal it, even if it is empty: someone with access to the database alone could otherwise
            remove the seals and have a forged history sealed.
        key_problem: why there is no key; empty for a process that needs none.
    """
    if key is None:
        return AuditAccess(None, key_problem)
    with database.reading() as connection:
        problem = problem_of_key(connection, key, may_begin=may_begin, was_sealed=was_sealed)
        is_sealed = head_of(connection).key_id is not None
    if not problem and not is_sealed:
        with database.writing() as connection:
            if lock_head(connection).key_id is None:  # another process may have been faster
                seal_all(connection, key, SYSTEM)
        return access_to(database, key, may_begin=False)
    return AuditAccess(key, problem)


def problem_of_key(connection: Connection, key: AuditKey, *, may_begin: bool, was_sealed: bool = False) -> str:
    """Return why the key cannot be used with a catalogue; empty if it can, or if the catalogue is to be sealed."""
    key_id = head_of(connection).key_id
    if key_id is not None:
        return "" if key_id == key.key_id else WRONG_KEY
    if was_sealed:
        return SEAL_REMOVED
    return "" if may_begin or not is_used(connection) else NOT_SEALED


def seal_all(connection: Connection, key: AuditKey, actor: str, lost: Collection[LostEntry] = ()) -> int:
    """Seal everything as it is now, and return the number of sealed events.

    An entry of the log describes the accounts and secrets at this time, and the log is compared with them from here.

    Args:
        lost: entries that the log does not contain although they are proven; an entry of the log accepts that.
    """
    head = repaired_head(connection)
    has_history = is_used(connection)
    sealed = sum(_seal_events(connection, key, batch) for batch in _variants(connection))
    _seal_deliverable_events(connection, key)
    _seal_memberships(connection, key)
    digests = _seal_campaigns(connection, key)
    _seal_accounts(connection, key)
    if head.key_id != key.key_id:
        _key_hashes(connection, key)
    _seal_secrets(connection, key)
    _seal_entries(connection, key)
    earlier = EarlierEntries.of(connection, head.entries)
    write_head(connection, key, head.entries, head.digest, head.since_event, head.entries)
    if has_history:
        add_entries(connection, key, lock_head(connection), actor, SETTINGS, digests)
        add_entries(connection, key, lock_head(connection), actor, PLACES, present_places(connection))
        former = {"former_key_id": head.key_id} if head.key_id not in (None, key.key_id) else {}
        detail = {**snapshot(connection), **earlier.detail, "events": sealed, "key_id": key.key_id, **former}
        add_entries(connection, key, lock_head(connection), actor, SNAPSHOT, [("catalogue", detail)])
    if actor != SYSTEM and connection.execute(select(campaigns.c.campaign_id).limit(1)).first() is None:
        add_entries(connection, key, lock_head(connection), actor, STARTED_EMPTY, [("catalogue", {})])
    if lost:
        add_entries(connection, key, lock_head(connection), actor, ACCEPTED, [acceptance(SEALED_WITHOUT, lost)])
    return sealed


def repaired_head(connection: Connection) -> Row[Any]:
    """Lock the head, after creating it if it was deleted, and moving it to the last entry if it is behind.

    Its seal is wrong then, until the caller writes it.
    """
    if connection.execute(select(audit_head).where(audit_head.c.head_id == 1)).first() is None:
        connection.execute(insert(audit_head).values(head_id=1, entries=0, digest=GENESIS, since_event=0))
    connection.execute(delete(audit_head).where(audit_head.c.head_id != 1))
    head = lock_head(connection)
    last = connection.execute(
        select(audit.c.audit_id, audit.c.digest).order_by(audit.c.audit_id.desc()).limit(1)
    ).first()
    if last and last.audit_id > head.entries:
        connection.execute(update(audit_head).values(entries=last.audit_id, digest=last.digest))
        head = lock_head(connection)
    return head


def is_used(connection: Connection) -> bool:
    """Return whether a catalogue has entries, events, accounts or campaigns."""
    first = (events.c.event_id, accounts.c.name, campaigns.c.campaign_id)
    return bool(head_of(connection).entries) or any(
        connection.execute(select(column).limit(1)).first() for column in first
    )


def _seal_campaigns(connection: Connection, key: AuditKey) -> list[tuple[str, dict[str, str]]]:
    """Seal the settings and thresholds of all campaigns; return what the log has to say about each."""
    columns = campaigns.c.campaign_id, campaigns.c.settings, campaigns.c.thresholds
    rows = connection.execute(select(*columns).order_by(campaigns.c.campaign_id)).all()
    if rows:
        connection.execute(
            update(campaigns).where(campaigns.c.campaign_id == bindparam("id")).values(seal=bindparam("new")),
            [{"id": row.campaign_id, "new": key.seal(*campaign_fields(*row))} for row in rows],
        )
    return [(row.campaign_id, {"digest": settings_digest(row.settings, row.thresholds)}) for row in rows]


def _seal_memberships(connection: Connection, key: AuditKey) -> None:
    names = [column.name for column in memberships.primary_key]
    statement = update(memberships).values(seal=bindparam("new"))
    for name in names:
        statement = statement.where(memberships.c[name] == bindparam(f"my_{name}"))
    for rows in _memberships(connection):
        connection.execute(
            statement,
            [{**{f"my_{name}": row[name] for name in names}, "new": key.seal(*membership_fields(row))} for row in rows],
        )


def _seal_accounts(connection: Connection, key: AuditKey) -> None:
    for row in connection.execute(account_rows()).all():
        seal = key.seal(*account_fields(row))
        connection.execute(update(accounts).where(accounts.c.name == row.name).values(seal=seal))


def _seal_entries(connection: Connection, key: AuditKey) -> None:
    """Seal the entries that this key has not sealed yet; those that do not fit their digest stay unsealed."""
    last = 0
    seal = update(audit).where(audit.c.audit_id == bindparam("id")).values(seal=bindparam("new"))
    query = select(audit).order_by(audit.c.audit_id).limit(BATCH)
    while rows := connection.execute(query.where(audit.c.audit_id > last)).all():
        unsealed = [row for row in rows if not is_entry_genuine(row, key) and has_own_digest(row)]
        if unsealed:
            connection.execute(seal, [{"id": row.audit_id, "new": key.seal(ENTRY, row.digest)} for row in unsealed])
        last = rows[-1].audit_id


def _seal_secrets(connection: Connection, key: AuditKey) -> None:
    """Seal API tokens and share links, and end the sessions without a seal, which may be forged."""
    for row in connection.execute(secret_rows(sessions)).all():
        if not is_sealed_secret(key, sessions, row):
            connection.execute(delete(sessions).where(sessions.c.secret_sha256 == row.secret_sha256))
    for table in (tokens, shares):
        for known in connection.execute(select(table.c.secret_sha256)).scalars().all():
            seal_secret(connection, key, table, known)


def _key_hashes(connection: Connection, key: AuditKey) -> None:
    """Replace the hashes of secrets by keyed ones. Hashes that have another key become invalid."""
    for table in (sessions, tokens, shares):
        for known in connection.execute(select(table.c.secret_sha256)).scalars().all():
            connection.execute(
                update(table).where(table.c.secret_sha256 == known).values(secret_sha256=key.seal(SECRET, known))
            )


def _memberships(connection: Connection) -> Iterator[Sequence[Any]]:
    """Yield the memberships in batches, those of a variant together."""
    last = ""
    ids = select(memberships.c.variant_id).distinct().order_by(memberships.c.variant_id).limit(BATCH)
    while names := connection.execute(ids.where(memberships.c.variant_id > last)).scalars().all():
        yield connection.execute(select(memberships).where(memberships.c.variant_id.in_(names))).mappings().all()
        last = names[-1]


def _variants(connection: Connection) -> Iterator[dict[str, str | None]]:
    """Yield the clip's hash by variant, in batches, of variants that have a clip or had a decision."""
    last = ""
    decided = select(events.c.variant_id).where(
        events.c.variant_id == variants.c.variant_id,
        or_(events.c.to_state.in_(sorted(SEALED_STATES)), events.c.from_state.in_(sorted(FINISHED))),
    )
    while rows := connection.execute(
        select(variants.c.variant_id, variants.c.clip)
        .where(variants.c.variant_id > last, decided.exists())
        .order_by(variants.c.variant_id)
        .limit(BATCH)
    ).all():
        yield {row.variant_id: clip_sha256_of(row.clip) for row in rows}
        last = rows[-1].variant_id


def _seal_events(connection: Connection, key: AuditKey, clips: dict[str, str | None]) -> int:
    """Seal the events of some variants; the current clip belongs to the events after it was generated."""
    rows = connection.execute(
        select(
            events,
            func.max(events.c.event_id)
            .filter(events.c.to_state == State.RENDERED)
            .over(partition_by=events.c.variant_id)
            .label("rendered"),
        )
        .where(events.c.variant_id.in_(list(clips)))
        .order_by(events.c.variant_id, events.c.event_id)
    ).all()
    changes: list[dict[str, Any]] = []
    before: Any = None
    for row in rows:
        after = before.event_id if before and before.variant_id == row.variant_id else 0
        before = row
        if not needs_seal(row.from_state, row.to_state):
            continue
        current = clips[row.variant_id] if row.event_id > (row.rendered or 0) else None
        clip = row.clip_sha256 or current
        changes.append({"id": row.event_id, "clip": clip, "new": event_seal(key, row._mapping, after, clip)})
    if changes:
        connection.execute(
            update(events)
            .where(events.c.event_id == bindparam("id"))
            .values(clip_sha256=bindparam("clip"), seal=bindparam("new")),
            changes,
        )
    return len(changes)


def _seal_deliverable_events(connection: Connection, key: AuditKey) -> None:
    """Seal all events of deliverables, as they are now."""
    seal = (
        update(deliverable_events).where(deliverable_events.c.event_id == bindparam("id")).values(seal=bindparam("new"))
    )
    last: dict[str, int] = {}
    rows = connection.execute(select(deliverable_events).order_by(deliverable_events.c.event_id)).mappings().all()
    changes = []
    for row in rows:
        fields = deliverable_event_fields(row, last.get(row["deliverable_id"], 0))
        changes.append({"id": row["event_id"], "new": key.seal(*fields)})
        last[row["deliverable_id"]] = row["event_id"]
    for batch in batches(changes):
        connection.execute(seal, batch)
