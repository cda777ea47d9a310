"""Checks of the settings and of the schedules."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tasks.doctor.check import OK, WARN, Finding
from tasks.runtime.resources import Resources


@dataclass(frozen=True, slots=True)
class Schedules:
    """The scheduled work, with callables that validate it.

    Attributes:
        timezone: time zone of the schedules.
        watch: location watched for sheets; empty if there is none.
        sweep_cron: returns the cron expression of the sweeper, or raises SettingsError.
        stock_cron: does the same for the nightly run; None if no stock sheet is set.
        check_stock: returns why the stock sheet could not be checked now, or an empty string; raises SettingsError if
            the nightly run could not start.
        check_watch: raises ReelmillError if the watched location cannot be read.
    """

    timezone: str
    watch: str
    sweep_cron: Callable[[], str]
    stock_cron: Callable[[], str] | None
    check_stock: Callable[[], str]
    check_watch: Callable[[], None]


def check_settings(
    resources: Resources, home: Path, runner: str, ray_address: str, check_fan_out: Callable[[], None]
) -> Finding:
    """Check that runner, catalogue, bucket and staging work together."""
    check_fan_out()
    catalogue = "PostgreSQL" if resources.catalogue_url.startswith("postgres") else "SQLite"
    bucket = "S3" if resources.bucket.location.startswith("s3://") else "a folder"
    message = f"Runner: {runner}; catalogue: {catalogue}; bucket: {bucket}; home: {home}."
    if ray_address and runner == "threads":
        return Finding(
            WARN,
            f"{message} REELMILL_RAY_ADDRESS is set to {ray_address} but not used.",
            "Set REELMILL_RUNNER to ray, or unset REELMILL_RAY_ADDRESS.",
        )
    return Finding(OK, message)


def check_schedules(schedules: Schedules) -> Finding:
    """Check that scheduled work can start; otherwise it would first fail at night."""
    sweep, parts = schedules.sweep_cron(), []
    if schedules.stock_cron:
        stock = schedules.stock_cron()
        if unavailable := schedules.check_stock():
            return Finding(
                WARN, f"The stock sheet could not be checked: {unavailable}", "Fix the access to the bucket first."
            )
        parts.append(f"stock at {stock!r}")
    if schedules.watch:
        schedules.check_watch()
    parts += [f"sweep at {sweep!r} ({schedules.timezone})", f"watched: {schedules.watch or 'nothing'}"]
    sentence = "; ".join(parts)
    return Finding(OK, f"{sentence[0].upper()}{sentence[1:]}.")
