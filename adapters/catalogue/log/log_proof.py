"""Read what the audit log says about a subject, without entries that were written or changed outside Reelmill."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from adapters.catalogue.core.database import batches
from adapters.catalogue.core.seals import ENTRY, access_of
from adapters.catalogue.core.tables import audit, audit_head
from adapters.catalogue.log.entries import digest_of, is_genuine


def logged_details(
    connection: Connection, action: str, subjects: Collection[str]
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return the details of the genuine entries of an action by subject, oldest first."""
    key = access_of(connection).key
    head = connection.execute(select(audit_head)).one()
    sealed_from = (head.sealed_from or 0) if key and is_genuine(head, key) else 0
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for batch in batches(subjects):
        query = select(audit).where(audit.c.action == action, audit.c.subject.in_(batch)).order_by(audit.c.audit_id)
        for row in connection.execute(query):
            is_sealed = key is None or row.audit_id <= sealed_from or key.matches(row.seal, ENTRY, row.digest)
            if is_sealed and row.digest == digest_of(dict(row._mapping)):
                found[row.subject].append(json.loads(row.detail))
    return found
