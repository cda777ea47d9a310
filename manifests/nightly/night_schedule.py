"""A schedule of a nightly run: which stock sheet, when, and within which limits."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from manifests.errors import SettingsError

BY_SETTINGS = "settings"
"""Name of the schedule that the settings ``stock`` and ``stock_cron`` define."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class NightSchedule:
    """One schedule. Limits that are None are those of the settings.

    Attributes:
        name: unique, of lower-case letters, digits and hyphens.
        sheet: path of the stock sheet, its key in the bucket, or ``s3://name/key``.
        cron: minute, hour, day, month and weekday.
        timezone: time zone of ``cron`` and ``until``.
        until: time of day (``HH:MM``) at which no new work is started; empty for no end.
        budget_h: device hours.
        budget_money: maximum cost of device time, at ``price_h`` per device hour.
        model: card for sheets that name none; empty for that of the settings.
        is_active: False while it is paused.
    """

    name: str
    sheet: str
    cron: str
    timezone: str
    until: str | None = None
    budget_h: float | None = None
    budget_money: float | None = None
    price_h: float | None = None
    model: str = ""
    is_active: bool = True

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the stock flow."""
        limits = {name: getattr(self, name) for name in ("until", "budget_h", "budget_money", "price_h")}
        settings = {"timezone": self.timezone, **({"model": self.model} if self.model else {})}
        given = {name: value for name, value in limits.items() if value is not None}
        return {"sheet": self.sheet, **given, "settings": settings}

    def body(self) -> dict[str, Any]:
        """Return the values that the catalogue stores; name and status are columns of their own."""
        values = asdict(self)
        del values["name"], values["is_active"]
        return values


def check_name(name: str) -> str:
    """Return the name of a new schedule.

    Raises:
        SettingsError: it is not allowed.
    """
    if name == BY_SETTINGS or not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name[:80]!r} cannot be the name of a schedule. Use lower-case letters, digits and hyphens, such as "
            f"'weekdays'; {BY_SETTINGS!r} is the schedule of REELMILL_STOCK."
        )
    return name
