"""The ledger of device use: each second of a device once, for the campaign that caused it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Update, case, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import number_in
from adapters.catalogue.core.tables import database_now, device_use, runs
from manifests.costs.device_use import DeviceUse, UseTotal


class DeviceUses(CataloguePart):
    """Book device use, and add it up."""

    def book(self, uses: Iterable[DeviceUse], leases: Mapping[str, int] = MappingProxyType({})) -> None:
        """Record the seconds of uses, and add what is new, and leases, to the counts of their runs.

        A use that is booked again keeps its larger figure, so that a process which does not know whether its last
        booking succeeded, or died after it, can repeat it.

        Args:
            leases: new leases by run id.
        """
        by_id = {use.use_id: use for use in uses}
        added = {run_id: number for run_id, number in leases.items() if number}
        if not by_id and not added:
            return
        if self._db.dialect == "postgresql":
            self._book_at_once(by_id, added)
            return
        with self._db.writing() as connection:
            new = self._record(connection, by_id)
            for run_id in sorted(new.keys() | added.keys()):
                connection.execute(_counted([run_id], added, new.get(run_id, 0.0)))

    def _book_at_once(self, by_id: Mapping[str, DeviceUse], leases: Mapping[str, int]) -> None:
        """Book in one autocommitted statement that does not wait for the disk: every worker changes the run's row.

        A crash of the database may lose the last bookings. The next one has all seconds of its uses again.
        """
        run_ids = sorted({use.cause.run_id for use in by_id.values()} | leases.keys())
        new: ColumnElement[float] = literal(0.0)
        if by_id:
            old = select(device_use.c.use_id, device_use.c.seconds).where(device_use.c.use_id.in_(by_id)).cte("old")
            rows = [_values(by_id[use_id]) for use_id in sorted(by_id)]
            booked = self._upsert().values(rows).returning(*device_use.c["use_id", "run_id", "seconds"]).cte("booked")
            more = booked.c.seconds - func.coalesce(old.c.seconds, 0.0)
            new = func.coalesce(
                select(func.sum(more))
                .select_from(booked.outerjoin(old, old.c.use_id == booked.c.use_id))
                .where(booked.c.run_id == runs.c.run_id)
                .correlate(runs)
                .scalar_subquery(),
                0.0,
            )
        statement = _counted(run_ids, leases, new)
        with self._db.autocommit() as connection:
            connection.execute(statement.where(func.set_config("synchronous_commit", "off", True) == "off"))

    def of_campaign(self, campaign_id: str) -> list[UseTotal]:
        """Return the device use of a campaign by kind, kind of device and model card."""
        return self._totals(device_use.c.campaign_id == campaign_id)

    def of_run(self, run_id: str) -> list[UseTotal]:
        """Return the device use of a run by kind, kind of device and model card."""
        return self._totals(device_use.c.run_id == run_id)

    def of_runs(self, run_ids: Collection[str]) -> dict[str, list[UseTotal]]:
        """Return the device use of several runs, by run id; runs without any are left out."""
        found: defaultdict[str, list[UseTotal]] = defaultdict(list)
        with self._db.reading() as connection:
            for batch in batches(run_ids):
                query = summed(device_use.c.run_id).where(device_use.c.run_id.in_(batch))
                for row in connection.execute(query):
                    found[row.run_id].append(total_from(row))
        return dict(found)

    def by_campaign(self) -> dict[str, list[UseTotal]]:
        """Return the device use of all campaigns, by campaign id; campaigns without any are left out."""
        found: defaultdict[str, list[UseTotal]] = defaultdict(list)
        with self._db.reading() as connection:
            for row in connection.execute(summed(device_use.c.campaign_id)):
                found[row.campaign_id].append(total_from(row))
        return dict(found)

    def of_all(self) -> list[UseTotal]:
        """Return the device use of the whole catalogue by kind, kind of device and model card."""
        return self._totals()

    def _record(self, connection: Connection, by_id: Mapping[str, DeviceUse]) -> dict[str, float]:
        """Insert or update the uses; return how many seconds are new, by run id."""
        new: defaultdict[str, float] = defaultdict(float)
        for batch in batches(sorted(by_id)):
            query = select(device_use.c.use_id, device_use.c.seconds).where(device_use.c.use_id.in_(batch))
            known = {row.use_id: row.seconds for row in connection.execute(query)}
            for use in map(by_id.__getitem__, batch):
                new[use.cause.run_id] += max(0.0, use.seconds - known.get(use.use_id, 0.0))
            connection.execute(self._upsert().values([_values(by_id[use_id]) for use_id in batch]))
        new.pop("", None)
        return dict(new)

    def _upsert(self) -> Insert:
        dialect = postgresql if self._db.dialect == "postgresql" else sqlite
        statement = dialect.insert(device_use)
        longer = statement.excluded.seconds > device_use.c.seconds
        result: Insert = statement.on_conflict_do_update(
            index_elements=["use_id"],
            set_={
                "seconds": case((longer, statement.excluded.seconds), else_=device_use.c.seconds),
                "booked_at": database_now(),
            },
        )
        return result

    def _totals(self, *conditions: ColumnElement[bool]) -> list[UseTotal]:
        with self._db.reading() as connection:
            return [total_from(row) for row in connection.execute(summed().where(*conditions))]


def summed(*columns: Column[Any]) -> Select[Any]:
    """Return a query for the seconds by kind, kind of device and card, and by these columns first."""
    by = (*columns, device_use.c.kind, device_use.c.device_kind, device_use.c.card)
    return select(*by, func.sum(device_use.c.seconds).label("seconds")).group_by(*by).order_by(*by)


def total_from(row: Any) -> UseTotal:
    """Return the total in a row of ``summed``."""
    return UseTotal(row.kind, row.device_kind, row.card, number_in(row.seconds))


def _counted(run_ids: Sequence[str], leases: Mapping[str, int], seconds: float | ColumnElement[float]) -> Update:
    """Return the statement that adds leases and seconds to the counts of runs."""
    number = case(leases, value=runs.c.run_id, else_=0) if leases else 0
    return (
        update(runs)
        .where(runs.c.run_id.in_(run_ids))
        .values(served=runs.c.served + number, spent_s=runs.c.spent_s + seconds, claimed_at=database_now())
    )


def _values(use: DeviceUse) -> dict[str, object]:
    return {
        "use_id": use.use_id,
        "campaign_id": use.cause.campaign_id,
        "run_id": use.cause.run_id,
        "card": use.cause.card,
        "kind": use.kind.value,
        "owner": use.owner,
        "device": use.device,
        "device_kind": use.device_kind,
        "seconds": use.seconds,
        "booked_at": database_now(),
    }
