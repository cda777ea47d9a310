"""The Prefect deployments: served by one process in `reelmill up`, or registered with a server that has workers."""

import argparse
import asyncio
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any, NoReturn

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import Flow
from prefect.runner import Runner
from prefect.runner import runner as prefect_runner
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.types.entrypoint import EntrypointType

from adapters.child_python import PYTHON, isolated_environment
from adapters.proxies import check_proxy
from flows import watch
from flows.campaign import campaign
from flows.prefect.crash_automation import install_crash_automation
from flows.prefect.housekeeping import keeping_house
from flows.prefect.nights import apply_schedules, deployment_schedules
from flows.prefect.schedules import check_schedules, cron
from flows.prefect.server_health import health_of, is_reachable, without_password
from flows.prefect.stale_flow_runs import crash_stale_runs
from flows.runtime.alert_delivery import await_last_alerts, delivering_alerts
from flows.runtime.process_setup import process_settings
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from flows.steer import steer
from flows.stock import stock
from flows.sweep import sweep
from manifests.errors import ReelmillError, SettingsError
from manifests.nightly.night_schedule import BY_SETTINGS
from tasks.runtime.resources import catalogue_of

POOL = "reelmill"
CAMPAIGNS = 2
"""Campaigns that run at the same time on one machine: an urgent one can overtake another, and each needs a model."""
PROCESSES = 5
POLL_S = 3.0
FLOW_RUN = shlex.join((*PYTHON, "-c", "from flows.prefect.flow_run import main; main()"))
START_S = 300.0


class _Starter(EngineCommandStarter):
    """Starts flow runs with our own program, which imports nothing from the working directory."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, command=FLOW_RUN)


class _Runner(Runner):
    """Prefect's runner, but it exits immediately: Prefect's handler starts a coroutine that is never awaited."""

    background = ExitStack()
    """Contexts to close when the runner exits."""

    def handle_sigterm(self, *_: Any, **__: Any) -> NoReturn:
        """Exit; the flow runs receive the same signal.

        An exception would surface in an arbitrary callback of the event loop and print tracebacks of other tasks.
        """
        self.background.close()
        await_last_alerts()
        with suppress(OSError, ValueError, RuntimeError):  # the signal may have interrupted a print
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


def local_deployments(settings: Settings) -> list[RunnerDeployment]:
    """Return the deployments of one machine; if a setting is empty, its schedule is removed.

    Raises:
        SettingsError: a cron expression, the time zone or a setting of the nightly run is invalid.
    """
    if unavailable := check_schedules(settings):
        print(f"The stock sheet could not be checked: {unavailable}", file=sys.stderr, flush=True)
    nights = deployment_schedules(settings, catalogue_of(resources_of(settings)))
    return [
        _deployment(campaign, limit=CAMPAIGNS, strategy=ConcurrencyLimitStrategy.ENQUEUE),
        _deployment(steer, limit=None),
        _deployment(stock, nights),
        _deployment(sweep, [cron(settings, "sweep_cron")]),
        _deployment(watch.watch, triggers=[arrival_trigger()]),
    ]


def _deployment(
    flow: Flow[Any, Any],
    schedules: Sequence[CronSchedule | DeploymentScheduleCreate] = (),
    *,
    limit: int | None = 1,
    strategy: ConcurrencyLimitStrategy = ConcurrencyLimitStrategy.CANCEL_NEW,
    triggers: Iterable[DeploymentEventTrigger] = (),
) -> RunnerDeployment:
    make: Any = flow.to_deployment  # typed as possibly async
    deployment: RunnerDeployment = make(
        flow.name,
        schedules=list(schedules),
        triggers=list(triggers),
        tags=["reelmill"],
        concurrency_limit=ConcurrencyLimitConfig(limit=limit, collision_strategy=strategy) if limit else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return deployment


def arrival_trigger() -> DeploymentEventTrigger:
    """Return the trigger that starts the watch flow when an event arrives."""
    return DeploymentEventTrigger(
        name="a sheet arrived", expect={watch.EVENT}, match={"prefect.resource.id": watch.RESOURCE}
    )


def serve(settings: Settings, deployments: Iterable[RunnerDeployment], *, owns_server: bool) -> None:
    """Register the deployments and run scheduled flow runs forever.

    Args:
        deployments: those of ``local_deployments``.
        owns_server: whether this is the only process that runs flows of the server; flow runs that are still marked as
            running are then stale.
    """
    prefect_runner.EngineCommandStarter = _Starter  # type: ignore[attr-defined]
    runner: Any = _Runner(name=POOL, limit=PROCESSES, pause_on_shutdown=False, query_seconds=POLL_S)
    ids = [runner.add_deployment(each) for each in deployments]
    if owns_server:
        crash_stale_runs(ids)
    for line in next_run_lines(deployments):
        print(line, flush=True)
    with runner.background as background:
        # Alerts that were not sent while no process was running are sent now.
        background.enter_context(delivering_alerts(settings, catalogue_of(resources_of(settings))))
        background.enter_context(keeping_house(settings))
        asyncio.run(runner.start())


def next_run_lines(deployments: Iterable[RunnerDeployment], now: datetime | None = None) -> list[str]:
    """Return a sentence with the next run of each schedule."""
    from prefect.server.schemas.schedules import CronSchedule as Dates  # the import takes half a second

    lines = []
    for each in deployments:
        for item in each.schedules or ():
            schedule = item.schedule
            if isinstance(schedule, CronSchedule) and item.active is not False:
                dates = Dates(cron=schedule.cron, timezone=schedule.timezone)
                first = next(iter(dates._get_dates_generator(n=1, start=now or datetime.now(UTC))))
                name = each.name if item.slug in (None, BY_SETTINGS) else f"{each.name} ({item.slug})"
                lines.append(f"{name} runs next at {first:%Y-%m-%d %H:%M} {schedule.timezone}")
    return lines


def await_server(seconds: float = START_S) -> None:
    """Wait until the Prefect server responds.

    Raises:
        ReelmillError: it does not respond in time.
    """
    url, deadline = os.environ["PREFECT_API_URL"], time.monotonic() + seconds
    check_proxy(url)
    while time.monotonic() < deadline:
        if is_reachable(health_of(url)):
            return
        time.sleep(0.2)
    raise ReelmillError(
        f"The Prefect server at {without_password(url)} does not respond. Start it, or correct PREFECT_API_URL."
    )


def deploy(environment: Mapping[str, str]) -> int:
    """Create the work pool if it is missing, deploy prefect.yaml of this folder, and return the exit code.

    Raises:
        SettingsError: a cron expression or the time zone is invalid.
    """
    variables = deployment_variables(load_settings())
    with suppress(ObjectAlreadyExists), get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    install_crash_automation()
    code = subprocess.call(  # noqa: S603
        [*PYTHON, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        env={**isolated_environment(environment), **variables},
    )
    if not code:
        settings = load_settings()
        apply_schedules(settings, catalogue_of(resources_of(settings)))
    return code


def deployment_variables(settings: Settings) -> dict[str, str]:
    """Return the variables of prefect.yaml: the schedules, and which of them are active."""
    stock, sweep = cron(settings, "stock_cron"), cron(settings, "sweep_cron")
    return {
        "TIMEZONE": settings.timezone,
        "STOCK_CRON": stock.cron,
        "SWEEP_CRON": sweep.cron,
        "STOCK_IS_NAMED": str(bool(settings.stock)),
        "WATCH_IS_NAMED": str(bool(settings.watch)),
    }


def main() -> None:
    """Run as a separate process: ``python -m flows.prefect.deployments``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deploy", action="store_true", help="Register the deployments of prefect.yaml and exit.")
    parser.add_argument(
        "--owns-server", action="store_true", help="This is the only process that runs flows of the server."
    )
    options = parser.parse_args()
    with process_settings() as settings:
        if not os.environ.get("PREFECT_API_URL"):
            raise SettingsError("No Prefect server is set. Set PREFECT_API_URL to its URL.")
        # Created first, so that invalid settings are reported without waiting for the server.
        deployments = [] if options.deploy else local_deployments(settings)
        await_server()
        if options.deploy:
            sys.exit(deploy(os.environ))
        serve(settings, deployments, owns_server=options.owns_server)


if __name__ == "__main__":
    main()
