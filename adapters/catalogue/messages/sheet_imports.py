"""Sheets imported from a watched location: each content starts one campaign."""

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.tables import arrivals, database_now

TAKEN: Final = "taken"


ACCEPTED: Final = "accepted"


REFUSED: Final = "refused"


class SheetImport(NamedTuple):
    """An imported sheet.

    Attributes:
        sha256: hex digest of its content.
        place: its first location, a path or an s3 URL.
        at: seconds since 1970 by the database's clock.
        state: ``taken`` (being processed), ``accepted`` or ``refused``.
        owner: the process that claimed it, named like a lease owner.
        tries: how often it was claimed.
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


class SheetImports(CataloguePart):
    """Claim sheets, and record what happened to them."""

    def claim(self, sha256: str, name: str, place: str, owner: str, patience_s: float) -> bool:
        """Claim a sheet; return False if it is finished, or another process claimed it less than ``patience_s`` ago.

        A sheet whose watcher dies can therefore be claimed by the next one.
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
        """Record that a sheet was accepted, or why it was refused; an accepted sheet stays accepted."""
        if state not in (ACCEPTED, REFUSED):
            raise ValueError(f"invalid state {state!r}; use {ACCEPTED} or {REFUSED}")
        self._change_arrival(
            sha256, arrivals.c.state != ACCEPTED, state=state, campaign_id=campaign_id, detail=clean(detail)
        )

    def release(self, sha256: str, detail: str) -> None:
        """Release a claim so that the sheet is tried again; no effect on finished sheets."""
        self._change_arrival(sha256, arrivals.c.state == TAKEN, owner="", detail=clean(detail))

    def get(self, sha256: str) -> SheetImport | None:
        """Return the import of a sheet's content."""
        with self._db.reading() as connection:
            row = connection.execute(select(arrivals).where(arrivals.c.sha256 == sha256)).first()
        return _arrival(row) if row else None

    def all(self, limit: int = 100) -> list[SheetImport]:
        """Return imports, newest first."""
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
