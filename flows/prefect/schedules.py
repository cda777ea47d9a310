"""Cron schedules, and checks that scheduled work can start."""

import time
from typing import TYPE_CHECKING

from adapters.inbox import open_inbox
from flows.nightly import limits_of
from flows.runtime.resources import resources_of
from flows.settings import Settings
from manifests.errors import BucketError, ReelmillError, SettingsError
from manifests.nightly.night import night_of, zone_of
from tasks.runtime.resources import cards_of
from tasks.stock.stock_sheet import load_stock_sheet

if TYPE_CHECKING:
    from prefect.client.schemas.schedules import CronSchedule


def cron(settings: Settings, name: str) -> "CronSchedule":
    """Return the schedule of a setting.

    Raises:
        SettingsError: the cron expression or the time zone is invalid.
    """
    return cron_schedule(getattr(settings, name), settings.timezone, f"Set REELMILL_{name.upper()} to")


def cron_schedule(text: str, timezone: str, fix: str = "Use") -> "CronSchedule":
    """Return a schedule.

    Args:
        fix: how the advice in the error message begins.

    Raises:
        SettingsError: the cron expression or the time zone is invalid.
    """
    from prefect.client.schemas.schedules import CronSchedule  # the import takes seconds; most commands do not need it

    zone_of(timezone)
    try:
        return CronSchedule(cron=text, timezone=timezone)
    except ValueError:
        raise SettingsError(
            f"{text!r} is not a valid cron expression. {fix} minute, hour, day, month and weekday, such as "
            "'0 22 * * *'."
        ) from None


def check_schedules(settings: Settings) -> str:
    """Check the schedules of one machine, and that a nightly run can start.

    Returns:
        Why the stock sheet could not be read at the moment; empty if it could, or if there is none.

    Raises:
        SettingsError: a person has to correct the settings or the sheet.
    """
    cron(settings, "sweep_cron")
    if not settings.stock:
        return ""
    cron(settings, "stock_cron")
    return check_stock_run(settings)


def check_stock_run(settings: Settings) -> str:
    """Check that a nightly run can start: its end, its budget and its sheet.

    Returns:
        Why the sheet could not be read at the moment; empty if it could.

    Raises:
        SettingsError: the run cannot start until a person fixes the settings or the sheet.
    """
    if settings.stock_budget_money and not settings.stock_price_h:
        raise SettingsError(
            "REELMILL_STOCK_BUDGET_MONEY needs a price. Set REELMILL_STOCK_PRICE_H to the price of a device "
            "hour, or set the budget in hours with REELMILL_STOCK_BUDGET_H."
        )
    limits = limits_of(settings)
    night_of(time.time(), limits.until, settings.timezone)
    resources = resources_of(settings)
    try:
        load_stock_sheet(resources, settings.stock, cards_of(resources), settings.model)
    except BucketError as error:
        if error.transient:
            return str(error)
        raise SettingsError(f"Cannot read the sheet in REELMILL_STOCK: {error}") from error
    except SettingsError:
        raise
    except ReelmillError as error:
        raise SettingsError(f"The nightly run cannot use the sheet in REELMILL_STOCK: {error}") from error
    return ""


def check_watched(settings: Settings) -> None:
    """Check that the watched location can be read.

    Raises:
        ReelmillError: it cannot be read.
    """
    place = resources_of(settings).bucket
    open_inbox(
        settings.watch,
        endpoint=place.endpoint,
        region=place.region,
        access_key=place.access_key,
        secret_key=place.secret_key,
    ).list_files()
