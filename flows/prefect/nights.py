"""Schedules of nightly runs: those of the catalogue and of the settings, applied to the stock deployment in Prefect.

The catalogue is the truth. The process that serves the deployments applies changes within seconds, and again after it
was restarted; see docs/decisions/0038.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.catalogue import Catalogue
from flows.nightly import limits_of
from flows.prefect.embedded_server import known_credentials
from flows.prefect.schedules import cron_schedule
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings, prepare_prefect
from manifests.errors import BucketError, SettingsError
from manifests.nightly.night import night_of
from manifests.nightly.night_schedule import BY_SETTINGS, NightSchedule, check_name
from tasks.runtime.resources import cards_of
from tasks.stock.stock_sheet import load_stock_sheet

if TYPE_CHECKING:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

DEPLOYMENT = "stock/stock"


def schedules_of(settings: Settings, catalogue: Catalogue) -> list[NightSchedule]:
    """Return all schedules: first that of the settings, if there is one, then those of the catalogue by name."""
    own = []
    if settings.stock:
        is_active = not catalogue.night_schedules.is_settings_paused()
        own = [NightSchedule(BY_SETTINGS, settings.stock, settings.stock_cron, settings.timezone, is_active=is_active)]
    return [*own, *catalogue.night_schedules.all()]


def schedule_of(settings: Settings, catalogue: Catalogue, name: str) -> NightSchedule:
    """Return one schedule.

    Raises:
        NotFoundError: there is no schedule of this name.
        SettingsError: the settings name no stock sheet.
    """
    if name != BY_SETTINGS:
        return catalogue.night_schedules.get(name)
    if not settings.stock:
        raise SettingsError(
            "The settings define no schedule. Set REELMILL_STOCK, or add one with `reelmill nights add`."
        )
    return schedules_of(settings, catalogue)[0]


def check_schedule(settings: Settings, schedule: NightSchedule) -> str:
    """Check a new schedule: its name, times, limits and sheet.

    Returns:
        Why the sheet could not be read at the moment; empty if it could.

    Raises:
        SettingsError, SheetError: a person has to correct the schedule or the sheet.
    """
    check_name(schedule.name)
    cron_schedule(schedule.cron, schedule.timezone, "Enter")
    chosen = load_settings(timezone=schedule.timezone, model=schedule.model or None)
    limits = limits_of(chosen, schedule.until, schedule.budget_h, schedule.budget_money, schedule.price_h)
    night_of(time.time(), limits.until, schedule.timezone)
    resources = resources_of(chosen)
    try:
        load_stock_sheet(resources, schedule.sheet, cards_of(resources), chosen.model)
    except BucketError as error:
        if error.transient:
            return str(error)
        raise
    return ""


def deployment_schedules(settings: Settings, catalogue: Catalogue) -> "list[DeploymentScheduleCreate]":
    """Return the schedules in Prefect's form; a schedule passes its own parameters to the flow."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate  # the import takes seconds

    return [
        DeploymentScheduleCreate(
            schedule=cron_schedule(each.cron, each.timezone),
            active=each.is_active,
            slug=each.name,
            parameters={} if each.name == BY_SETTINGS else each.parameters,
        )
        for each in schedules_of(settings, catalogue)
    ]


def apply_schedules(settings: Settings, catalogue: Catalogue) -> bool:
    """Give the stock deployment the schedules of settings and catalogue; return whether it had others.

    Raises:
        SettingsError, CatalogueError: the schedules cannot be read.
        httpx.HTTPError, PrefectException: the Prefect server does not respond, or has no such deployment.
    """
    from prefect.client.orchestration import get_client

    wanted = {_compared(each): each for each in deployment_schedules(settings, catalogue)}
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(DEPLOYMENT)
        there = {_compared(each): each.id for each in deployment.schedules}
        for outdated in there.keys() - wanted.keys():  # their scheduled runs are deleted with them
            client.delete_deployment_schedule(deployment.id, there[outdated])
        if missing := [schedule for key, schedule in wanted.items() if key not in there]:
            client.create_deployment_schedules(deployment.id, missing)
    return there.keys() != wanted.keys()


def _compared(each: Any) -> tuple[Any, ...]:
    """Return what distinguishes a schedule from others."""
    when = each.schedule
    parameters = repr(sorted((each.parameters or {}).items()))
    return str(each.slug), getattr(when, "cron", ""), getattr(when, "timezone", ""), each.active, parameters


def start_now(schedule: NightSchedule) -> str:
    """Start the nightly run of a schedule on the Prefect server; return the name of its flow run.

    Raises:
        ReelmillError: the server does not respond, or does not have the deployment.
    """
    from prefect.deployments import run_deployment  # the import takes seconds

    from flows.prefect.server_errors import server_errors

    parameters = {} if schedule.name == BY_SETTINGS else schedule.parameters
    with server_errors(DEPLOYMENT):
        run: Any = run_deployment(DEPLOYMENT, parameters=parameters, timeout=0, as_subflow=False)
    return str(run.name)


def next_start(schedule: NightSchedule, now: datetime | None = None) -> datetime | None:
    """Return when a schedule starts next, in its time zone; None if it is paused."""
    if not schedule.is_active:
        return None
    from prefect.server.schemas.schedules import CronSchedule as Dates  # the import takes half a second

    dates = Dates(cron=schedule.cron, timezone=schedule.timezone)
    first: datetime = next(iter(dates._get_dates_generator(n=1, start=now or datetime.now(UTC))))
    return first


def absolute(sheet: str) -> str:
    """Return the absolute path of a sheet that is a file, because services run in other folders; else its text."""
    path = Path(sheet).expanduser()
    return str(path.absolute()) if "://" not in sheet and path.is_file() else sheet


@contextmanager
def known_server(home: Path, server: tuple[str, str] | None) -> Iterator[bool]:
    """Use the Prefect server in PREFECT_API_URL, or that of a running `reelmill up`, within the block.

    Args:
        server: URL and credentials of the server of `reelmill up`; None if it is not running.

    Yields:
        Whether there is a server.
    """
    if os.environ.get("PREFECT_API_URL"):
        prepare_prefect(home)
        yield True
        return
    if server is None:
        yield False
        return
    with known_credentials(*server):
        prepare_prefect(home)
        yield True
