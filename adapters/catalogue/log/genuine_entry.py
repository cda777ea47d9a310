"""Tell entries that Reelmill wrote from those that were written or changed outside it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from adapters.catalogue.core.seals import ENTRY, AuditKey


def is_entry_genuine(row: Any, key: AuditKey | None) -> bool:
    """Return whether an entry is as a process with the key wrote or sealed it; without a key, whether its digest fits.

    Entries that were written before the catalogue had seals get one when it is sealed, so there is no exception.
    Numbers begin with 1: an entry below that was never written by Reelmill.
    """
    if row.audit_id < 1 or not has_own_digest(row):
        return False
    return key is None or key.matches(row.seal, ENTRY, row.digest)


def has_own_digest(row: Any) -> bool:
    """Return whether the content of an entry is the one that its digest was computed from."""
    try:
        return bool(row.digest == digest_of(row._mapping))
    except TypeError:  # SQLite stores bytes in any column
        return False


def digest_of(row: Mapping[str, Any]) -> str:
    """Return the digest of an entry."""
    fields = [row[name] for name in ("audit_id", "at_ms", "actor", "action", "subject", "detail", "previous")]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()
