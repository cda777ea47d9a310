"""The schedules: when they are due, and whether what they start could begin."""

import time
from typing import TYPE_CHECKING

from adapters.inbox import open_inbox
from flows.nightly import terms_of
from flows.runtime.resources import resources_of
from flows.settings import Settings
from manifests.errors import BucketError, ReelmillError, SettingsError
from manifests.nightly.night import night_of, zone_of
from tasks.runtime.resources import cards_of
from tasks.stock.stock_sheet import take_in_stock

if TYPE_CHECKING:
    from prefect.client.schemas.schedules import CronSchedule


def cron(settings: Settings, name: str) -> "CronSchedule":
    """Return the schedule that a setting says.

    Raises:
        SettingsError: names the setting.
    """
    from prefect.client.schemas.schedules import CronSchedule  # seconds, which no command needs that has no schedule

    text = getattr(settings, name)
    zone_of(settings.timezone)
    try:
        return CronSchedule(cron=text, timezone=settings.timezone)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no cron expression; set REELMILL_{name.upper()} to minute, hour, day, month "
            "and weekday, such as '0 22 * * *'."
        ) from None


def check_night(settings: Settings) -> str:
    """Look whether a night could begin: its end, its budget and its sheet.

    Returns:
        Why the sheet could not be looked at just now; empty where it could.

    Raises:
        SettingsError: it could not, and only a person can change that.
    """
    if settings.stock_budget_money and not settings.stock_price_h:
        raise SettingsError(
            "REELMILL_STOCK_BUDGET_MONEY needs a price; set REELMILL_STOCK_PRICE_H to what a device "
            "hour costs, or give the budget in hours by REELMILL_STOCK_BUDGET_H."
        )
    terms = terms_of(settings)
    night_of(time.time(), terms.until, settings.timezone)
    resources = resources_of(settings)
    try:
        take_in_stock(resources, settings.stock, cards_of(resources), settings.model)
    except BucketError as error:
        if error.transient:
            return str(error)
        raise SettingsError(f"REELMILL_STOCK cannot be read: {error}") from error
    except SettingsError:
        raise
    except ReelmillError as error:
        raise SettingsError(f"REELMILL_STOCK names a sheet that no night could use: {error}") from error
    return ""


def check_watched(settings: Settings) -> None:
    """Look whether the watched place can be read.

    Raises:
        ReelmillError: it cannot.
    """
    place = resources_of(settings).bucket
    open_inbox(
        settings.watch,
        endpoint=place.endpoint,
        region=place.region,
        access_key=place.access_key,
        secret_key=place.secret_key,
    ).found()
