"""`reelmill nights`: schedules of nightly runs, which take effect while `reelmill up` is running."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.cli.commands.review import actor_name
from app.cli.commands.stock import stock
from app.cli.commands.up import running_server
from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.cli.table import show_table
from app.session import Session
from flows.prefect.nights import (
    absolute,
    check_schedule,
    known_server,
    next_start,
    schedule_of,
    schedules_of,
    start_now,
)
from manifests.errors import SettingsError
from manifests.nightly.night import time_of
from manifests.nightly.night_schedule import BY_SETTINGS, NightSchedule

nights = typer.Typer(no_args_is_help=True, help="List, add, pause and run schedules of nightly runs.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.")]
APPLIED = "It takes effect within seconds while `reelmill up` is running, or when it starts."


@nights.command("list")
def list_nights(as_json: AsJson = False) -> None:
    """List the schedules and their next runs."""
    session = Session.open()
    found = schedules_of(session.settings, session.catalogue)
    if as_json:
        say_json([_as_json(schedule) for schedule in found])
    elif found:
        show_table(["schedule", "stock sheet", "cron", "until", "budget", "next run"], [_cells(each) for each in found])
        if running_server(session.settings.home) is None:
            warn("`reelmill up` is not running in this home, so it starts no nightly run.")
    else:
        say("No schedules yet. Add one with `reelmill nights add NAME SHEET --at 22:00`.")


@nights.command()
def add(
    name: Name,
    sheet: Annotated[
        str, typer.Argument(metavar="SHEET", help="Stock sheet: a file, a key in the bucket, or s3://bucket/key.")
    ],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="Start at this time every day (HH:MM).")] = "",
    cron: Annotated[
        str, typer.Option("--cron", metavar="CRON", help="Start by a cron expression, such as '0 22 * * 1-5'.")
    ] = "",
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="Time zone of the times; default: REELMILL_TIMEZONE.")
    ] = "",
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Time after which no new clips are started. Use '' for no end."),
    ] = None,
    budget_h: Annotated[
        float | None, typer.Option("--budget-hours", metavar="HOURS", min=0, help="Maximum device hours. 0: no limit.")
    ] = None,
    budget_money: Annotated[
        float | None, typer.Option("--budget-money", metavar="MONEY", min=0, help="Maximum cost. 0: no limit.")
    ] = None,
    price_h: Annotated[
        float | None, typer.Option("--price-hour", metavar="MONEY", min=0, help="Price of one device hour.")
    ] = None,
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="Model if the sheet does not list any.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a schedule. Limits that are not given are those of the settings."""
    session = Session.open()
    if bool(at) == bool(cron):
        raise SettingsError("Enter when the nightly run starts: either --at, such as --at 22:00, or --cron.")
    schedule = NightSchedule(
        name,
        absolute(sheet),
        cron or f"{time_of(at).minute} {time_of(at).hour} * * *",
        timezone or session.settings.timezone,
        until,
        budget_h,
        budget_money,
        price_h,
        model,
    )
    if unavailable := check_schedule(session.settings, schedule):
        warn(f"Warning: The stock sheet could not be checked: {unavailable}")
    session.catalogue.night_schedules.add(schedule, actor_name())
    if as_json:
        return say_json(_as_json(schedule))
    say(f"Added the schedule {name}. It runs next at {_next(schedule)}. {APPLIED}")


@nights.command()
def pause(name: Name, as_json: AsJson = False) -> None:
    """Pause a schedule; a run in progress continues."""
    _set_active(name, False, as_json)


@nights.command()
def resume(name: Name, as_json: AsJson = False) -> None:
    """Resume a paused schedule."""
    _set_active(name, True, as_json)


@nights.command()
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove a schedule; its clips and campaigns are kept."""
    session = Session.open()
    session.catalogue.night_schedules.remove(name, actor_name())
    if as_json:
        return say_json({"name": name, "removed": True})
    say(f"Removed the schedule {name}. {APPLIED}")


@nights.command()
def run(name: Name, as_json: AsJson = False) -> None:
    """Start the nightly run of a schedule now.

    Runs on the services of `reelmill up`, or in this command if they are not running.
    """
    session = Session.open()
    schedule = schedule_of(session.settings, session.catalogue, name)
    home = session.settings.home
    with known_server(home, running_server(home)) as is_known:
        if is_known:
            flow_run = start_now(schedule)
            if as_json:
                return say_json({"name": name, "flow_run": flow_run})
            return say(f"The nightly run of {name} has started as the flow run {flow_run}.")
    given: dict[str, Any] = {} if name == BY_SETTINGS else schedule.parameters
    given.pop("settings", None)
    stock(**given, model=schedule.model or None, as_json=as_json)


def _set_active(name: str, is_active: bool, as_json: bool) -> None:
    session = Session.open()
    schedule_of(session.settings, session.catalogue, name)
    changed = session.catalogue.night_schedules.set_active(name, is_active, actor_name())
    schedule = schedule_of(session.settings, session.catalogue, name)
    if as_json:
        return say_json({**_as_json(schedule), "changed": changed})
    now = "is active" if is_active else "is paused"
    again = f" It runs next at {_next(schedule)}." if is_active else f" Resume it with `reelmill nights resume {name}`."
    say(f"The schedule {name} {now if changed else now.replace('is ', 'is already ')}.{again} {APPLIED}")


def _next(schedule: NightSchedule) -> str:
    at = next_start(schedule)
    return f"{at:%Y-%m-%d %H:%M} {schedule.timezone}" if at else "paused"


def _cells(schedule: NightSchedule) -> tuple[object, ...]:
    money = f"{schedule.budget_money:g}" if schedule.budget_money else ""
    hours = f"{schedule.budget_h:g} h" if schedule.budget_h else ""
    until = "settings" if schedule.until is None else schedule.until or "no end"
    budget = " and ".join(filter(None, [hours, money])) or "settings"
    return schedule.name, schedule.sheet, schedule.cron, until, budget, _next(schedule)


def _as_json(schedule: NightSchedule) -> dict[str, object]:
    at = next_start(schedule)
    return {**asdict(schedule), "next_run": at.isoformat() if at else None}
