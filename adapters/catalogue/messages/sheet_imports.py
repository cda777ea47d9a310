"""Sheets that arrived in a watched place: each content starts a campaign once."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.database import Part
from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.tables import arrivals, database_now

TAKEN = "taken"


ACCEPTED = "accepted"


REFUSED = "refused"


class SheetImport(NamedTuple):
    """A sheet that arrived.

    Attributes:
        sha256: of its bytes, hex.
        place: where it was found first, a path or an s3 URL.
        at: seconds since 1970 by the database's clock.
        state: ``taken`` (somebody reads it), ``accepted`` or ``refused``.
        owner: who has taken it, as leases name a process.
        tries: how often it was taken.
        detail: why it was refused.
    """

    sha256: str
    name: str
    place: str
    at: float
    state: str
    owner: str
    tries: int
    campaign_id: str | None
    detail: str


class SheetImports(Part):
    """Taking a content, and saying what became of it."""

    def claim(self, sha256: str, name: str, place: str, owner: str, patience_s: float) -> bool:
        """Take a sheet's content; False where it is settled, or another took it less than ``patience_s`` ago.

        So a watcher that dies over a sheet does not keep it from the next.
        """
        row = {"sha256": sha256, "name": clean(name), "place": clean(place), "state": TAKEN, "owner": owner, "tries": 1}
        with self._db.writing() as connection:
            if connection.execute(self._insert_arrival().returning(arrivals.c.sha256), row).first():
                return True
            stale = or_(arrivals.c.at < database_now() - patience_s, arrivals.c.owner == "")
            return (
                connection.execute(
                    update(arrivals)
                    .where(arrivals.c.sha256 == sha256, arrivals.c.state == TAKEN, stale)
                    .values(owner=owner, at=database_now(), tries=arrivals.c.tries + 1)
                ).rowcount
                == 1
            )

    def finish(self, sha256: str, state: str, *, campaign_id: str | None = None, detail: str = "") -> None:
        """Say that a sheet was accepted, or why it was refused; an acceptance stands."""
        if state not in (ACCEPTED, REFUSED):
            raise ValueError(f"an arrival is settled as {ACCEPTED} or {REFUSED}, not as {state!r}")
        self._change_arrival(
            sha256, arrivals.c.state != ACCEPTED, state=state, campaign_id=campaign_id, detail=clean(detail)
        )

    def release(self, sha256: str, detail: str) -> None:
        """Let the next look take it again, since the trouble was not the sheet's; what is settled stays so."""
        self._change_arrival(sha256, arrivals.c.state == TAKEN, owner="", detail=clean(detail))

    def get(self, sha256: str) -> SheetImport | None:
        """Return what is known of a content."""
        with self._db.reading() as connection:
            row = connection.execute(select(arrivals).where(arrivals.c.sha256 == sha256)).first()
        return _arrival(row) if row else None

    def all(self, limit: int = 100) -> list[SheetImport]:
        """Return what arrived, the newest first."""
        with self._db.reading() as connection:
            return [
                _arrival(row)
                for row in connection.execute(
                    select(arrivals).order_by(arrivals.c.at.desc(), arrivals.c.sha256).limit(limit)
                )
            ]

    def _change_arrival(self, sha256: str, *where: ColumnElement[bool], **values: Any) -> None:
        with self._db.writing() as connection:
            connection.execute(update(arrivals).where(arrivals.c.sha256 == sha256, *where).values(**values))

    def _insert_arrival(self) -> Insert:
        dialect = postgresql if self._db.dialect == "postgresql" else sqlite
        result: Insert = dialect.insert(arrivals).on_conflict_do_nothing(index_elements=["sha256"])
        return result


def _arrival(row: Any) -> SheetImport:
    return SheetImport(
        row.sha256, row.name, row.place, row.at, row.state, row.owner, row.tries, row.campaign_id, row.detail
    )
