"""Restore an account that was changed outside Reelmill to what the audit log says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from adapters.catalogue.core.seals import AuditKey
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.genuine_entry import is_entry_genuine
from adapters.catalogue.log.replay import SNAPSHOT, Replay, account_values, digest_of
from manifests.errors import CatalogueError

_UNKNOWN = {"role": "viewer", "disabled": 1, "issuer": None, "subject": None, "password_sha256": None}
"""What an account becomes that the log does not know: nobody can sign in until an admin allows it."""
_ACTIONS = ("account added", "account changed")


@dataclass(frozen=True, slots=True)
class AccountRepair:
    """What an account that was changed outside Reelmill is restored to.

    Attributes:
        restored: values of the columns.
        found: the values that were wrong, as they were found; a password only as its hash.
        lost_password: its password was replaced, and only a new one can be set.
    """

    restored: Mapping[str, Any]
    found: Mapping[str, Any]
    lost_password: bool

    def logged(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the log has to say besides the changes: what was found, and everything as it is now."""
        now = {key: value for key, value in self.restored.items() if key != "password_hash"}
        return {
            **now,
            "password_sha256": digest_of(self.restored["password_hash"]),
            **changes,
            "found": "changed outside Reelmill",
            "was": dict(self.found),
        }


def repair_of(connection: Connection, row: Any, key: AuditKey) -> AccountRepair:
    """Return how to restore an account.

    Raises:
        CatalogueError: an entry about the account was changed too.
    """
    logged = {**_UNKNOWN, **_logged(connection, row.name, key)}
    actual = account_values(row)
    is_known = actual["password_sha256"] == logged["password_sha256"]
    restored = {name: logged[name] for name in ("role", "issuer", "subject")}
    return AccountRepair(
        {**restored, "disabled": int(logged["disabled"]), "password_hash": row.password_hash if is_known else None},
        {name: value for name, value in actual.items() if value != logged[name]},
        not is_known,
    )


def _logged(connection: Connection, name: str, key: AuditKey) -> dict[str, Any]:
    """Return the account as the log describes it; empty if the log does not know it."""
    about = or_((audit.c.subject == name) & audit.c.action.in_(_ACTIONS), audit.c.action == SNAPSHOT)
    replay = Replay()
    rows: Any = connection.execute(select(audit).where(about).order_by(audit.c.audit_id))
    for row in rows:
        if not is_entry_genuine(row, key):
            raise CatalogueError(
                f"Entry {row.audit_id} of the audit log, which describes the account {name!r}, was changed outside "
                "Reelmill, so the account cannot be restored from it. Restore the database from a backup."
            )
        replay.apply(row)
    return replay.accounts.get(name, {})
