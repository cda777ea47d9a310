"""Compare the audit log with the newest entry that this home knows."""

from sqlalchemy import Connection, select

from adapters.catalogue.core.log_mark import KnownEntry
from adapters.catalogue.core.seals import access_of
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.genuine_entry import has_own_digest

HOW_TO_ACCEPT = (
    "Only if you restored a backup or began with an empty catalogue, run `reelmill audit accept-restore --reason TEXT`."
)


def known_entry(connection: Connection) -> KnownEntry | None:
    """Return the newest known entry; call it before the first query of a snapshot, which may be older otherwise."""
    mark = access_of(connection).mark
    return mark.read() if mark else None


def lost_entry_problem(connection: Connection, known: KnownEntry | None) -> str:
    """Return that the log does not contain the newest known entry as it was; empty if it does."""
    if known is None:
        return ""
    row = connection.execute(select(audit).where(audit.c.audit_id == known.number)).first()
    if row and row.digest == known.digest and has_own_digest(row):
        return ""
    return (
        f"The audit log no longer contains entry {known.number:,} as this home knows it: it was cut or "
        "rewritten outside Reelmill, or an older backup was restored. Nothing is decided or published, and nobody is "
        "signed in, until a backup with this entry is restored or a person accepts the loss. "
        f"{HOW_TO_ACCEPT}"
    )
