"""Prove that a clip was withdrawn and which objects are its own, before they are deleted from the bucket."""

from typing import Any

from sqlalchemy import func, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import signed_from
from adapters.catalogue.core.seals import key_for_writing
from adapters.catalogue.core.tables import events, variants
from adapters.catalogue.review.approval_proof import event_problem
from adapters.catalogue.review.signing_proof import last_signing, signed_problem
from manifests.errors import CatalogueError
from manifests.states import State

PREFIX_LENGTH = 12
"""Digits of its id with which the names of a variant's objects begin."""


class RemovalProofs(CataloguePart):
    """Check withdrawals before their objects are deleted."""

    def problem(self, variant_id: str) -> str:
        """Return why the objects of a withdrawn clip must not be deleted; empty if they may be.

        The withdrawal and the signing need sealed events, and the keys must be those of the signing.
        """
        with self._db.reading_snapshot() as connection:
            row = connection.execute(select(variants).where(variants.c.variant_id == variant_id)).first()
            history = connection.execute(
                select(events).where(events.c.variant_id == variant_id).order_by(events.c.event_id)
            ).all()
            try:
                key = key_for_writing(connection)
            except CatalogueError as error:
                return f"the withdrawal cannot be checked. {error}"
            facts = signed_from(row.signed) if row else None
            others = _others(connection, variant_id, facts.keys) if facts else []
        if not history or history[-1].to_state != State.WITHDRAWN:
            return "no event withdraws it"
        places = [index for index, event in enumerate(history) if last_signing([event])]
        for index in (*places[-1:], len(history) - 1):
            if problem := event_problem(history, index, key):
                return problem
        if problem := signed_problem([history[index] for index in places[-1:]], facts):
            return problem
        return f"variant {others[0]} has the same key" if others else ""


def _others(connection: Any, variant_id: str, keys: tuple[str, ...]) -> list[str]:
    """Return other variants that have committed one of the keys; their ids begin as the names of the objects do."""
    start = variant_id[:PREFIX_LENGTH]
    query = select(variants.c.variant_id, variants.c.signed).where(
        func.substr(variants.c.variant_id, 1, PREFIX_LENGTH) == start,
        variants.c.variant_id.between(start, start + "g"),
        variants.c.variant_id != variant_id,
        variants.c.signed.is_not(None),
    )
    rows = ((row.variant_id, signed_from(row.signed)) for row in connection.execute(query))
    return [other for other, facts in rows if facts and set(facts.keys) & set(keys)]
