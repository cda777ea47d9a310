"""Read what the audit log says about a subject, without entries that were written or changed outside Reelmill."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from adapters.catalogue.core.database import batches
from adapters.catalogue.core.rows import object_in
from adapters.catalogue.core.seals import access_of
from adapters.catalogue.core.tables import audit
from adapters.catalogue.log.genuine_entry import is_entry_genuine


def logged_details(
    connection: Connection, action: str, subjects: Collection[str]
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return the details of the genuine entries of an action by subject, oldest first."""
    key = access_of(connection).key
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for batch in batches(subjects):
        query = select(audit).where(audit.c.action == action, audit.c.subject.in_(batch)).order_by(audit.c.audit_id)
        for row in connection.execute(query):
            if is_entry_genuine(row, key):
                found[row.subject].append(object_in(row.detail))
    return found
