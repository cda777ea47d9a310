"""Schedules of nightly runs, which Prefect runs and the catalogue stores."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Insert, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import object_in, to_text
from adapters.catalogue.core.tables import night_schedules
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.log_proof import logged_details
from manifests.errors import NotFoundError, SettingsError
from manifests.nightly.night_schedule import BY_SETTINGS, NightSchedule

ACTION = "schedule"


class NightSchedules(CataloguePart):
    """Add, pause, resume and remove schedules; each change is one transaction with its audit entry."""

    def all(self) -> list[NightSchedule]:
        """Return all schedules by name, without the one of the settings.

        A schedule names a file that is read, so one that differs from the audit log is left out.
        """
        query = select(night_schedules).where(night_schedules.c.name != BY_SETTINGS).order_by(night_schedules.c.name)
        with self._db.reading() as connection:
            rows = connection.execute(query).all()
            logged = logged_details(connection, ACTION, [row.name for row in rows])
        return [_schedule(row) for row in rows if _is_logged(row, logged.get(row.name, ()))]

    def get(self, name: str) -> NightSchedule:
        """Return one schedule.

        Raises:
            NotFoundError: there is no schedule of this name.
        """
        found = next((schedule for schedule in self.all() if schedule.name == name), None)
        if found is None:
            raise _unknown(name)
        return found

    def is_settings_paused(self) -> bool:
        """Return whether the schedule of the settings is paused."""
        query = select(night_schedules.c.active).where(night_schedules.c.name == BY_SETTINGS)
        with self._db.reading() as connection:
            return connection.execute(query).scalar() == 0

    def add(self, schedule: NightSchedule, actor: str) -> None:
        """Store a new schedule.

        Raises:
            SettingsError: the name is in use.
        """
        with self._db.writing() as connection:
            row = {"name": schedule.name, "body": to_text(schedule.body()), "active": int(schedule.is_active)}
            if not connection.execute(self._insert().returning(night_schedules.c.name), row).first():
                raise SettingsError(
                    f"There is already a schedule {schedule.name!r}. Choose another name, or remove it first with "
                    f"`reelmill nights remove {schedule.name}`."
                )
            append(connection, actor, ACTION, [(schedule.name, {"what": "added", **schedule.body()})])

    def set_active(self, name: str, is_active: bool, actor: str) -> bool:
        """Pause or resume a schedule; return whether this changed it.

        Raises:
            NotFoundError: there is no schedule of this name.
        """
        with self._db.writing() as connection:
            if name == BY_SETTINGS:
                connection.execute(self._insert(), {"name": name, "body": "{}", "active": 1})
            query = select(night_schedules.c.active).where(night_schedules.c.name == name).with_for_update()
            before = connection.execute(query).scalar()
            if before is None:
                raise _unknown(name)
            if bool(before) == is_active:
                return False
            connection.execute(
                update(night_schedules).where(night_schedules.c.name == name).values(active=int(is_active))
            )
            append(connection, actor, ACTION, [(name, {"what": "resumed" if is_active else "paused"})])
        return True

    def remove(self, name: str, actor: str) -> None:
        """Remove a schedule.

        Raises:
            NotFoundError: there is no schedule of this name.
            SettingsError: it is the schedule of the settings.
        """
        if name == BY_SETTINGS:
            raise SettingsError(
                "This is the schedule of REELMILL_STOCK. Clear that setting to remove it, or pause it with "
                f"`reelmill nights pause {BY_SETTINGS}`."
            )
        with self._db.writing() as connection:
            removed = connection.execute(delete(night_schedules).where(night_schedules.c.name == name)).rowcount
            if not removed:
                raise _unknown(name)
            append(connection, actor, ACTION, [(name, {"what": "removed"})])

    def _insert(self) -> Insert:
        dialect = postgresql if self._db.dialect == "postgresql" else sqlite
        result: Insert = dialect.insert(night_schedules).on_conflict_do_nothing(index_elements=["name"])
        return result


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"There is no schedule {name[:80]!r}. List them with `reelmill nights list`.")


def _is_logged(row: Any, details: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the newest entry that adds or removes the schedule adds it as it is."""
    newest = next((detail for detail in reversed(details) if detail.get("what") in ("added", "removed")), None)
    return newest == {"what": "added", **object_in(row.body)}


def _schedule(row: Any) -> NightSchedule:
    return NightSchedule(name=row.name, is_active=bool(row.active), **json.loads(row.body))
