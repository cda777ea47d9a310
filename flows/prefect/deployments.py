"""The deployments: served by one process for `reelmill up`, or told to a server whose workers run them."""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any, NoReturn

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import Flow
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from adapters.child_python import PYTHON, isolated_environment
from flows import watch
from flows.campaign import campaign
from flows.prefect.crash_automation import watch_for_zombies
from flows.prefect.schedules import check_stock_run, cron
from flows.prefect.server_health import answers, health_of, without_password
from flows.prefect.stale_flow_runs import end_leftovers
from flows.runtime.alert_delivery import await_last_alerts, delivering_alerts
from flows.runtime.process_setup import program
from flows.runtime.resources import resources_of
from flows.settings import Settings, load_settings
from flows.steer import steer
from flows.stock import stock
from flows.sweep import sweep
from manifests.errors import ReelmillError, SettingsError
from tasks.runtime.resources import catalogue_of

POOL = "reelmill"
CAMPAIGNS = 2
"""Campaigns that run at once on one machine: an urgent one gets ahead, and each holds a model."""
PROCESSES = 5
POLL_S = 3.0
START_S = 300.0


class _Runner(Runner):
    """Prefect's runner, which ends at once: its own handler starts a coroutine that nothing awaits any more."""

    beside = ExitStack()
    """What ends with it."""

    def handle_sigterm(self, *_: Any, **__: Any) -> NoReturn:
        """End; whoever sent the signal sent it to the flow runs too.

        Not by an exception: it would come up in whichever callback the event loop is at, and leave the other tasks'
        tracebacks behind.
        """
        self.beside.close()
        await_last_alerts()
        with suppress(OSError, ValueError, RuntimeError):  # the signal may have come in the midst of a print
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


def served(settings: Settings) -> list[RunnerDeployment]:
    """Return the deployments of one machine; a schedule whose setting is empty is taken away.

    Raises:
        SettingsError: a cron expression, the time zone, or what a night needs is wrong.
    """
    if settings.stock and (unknown := check_stock_run(settings)):
        print(f"The stock sheet could not be looked at: {unknown}", file=sys.stderr, flush=True)
    return [
        _deployment(campaign, limit=CAMPAIGNS, strategy=ConcurrencyLimitStrategy.ENQUEUE),
        _deployment(steer, limit=None),
        _deployment(stock, cron(settings, "stock_cron") if settings.stock else None),
        _deployment(sweep, cron(settings, "sweep_cron")),
        _deployment(watch.watch, triggers=[arrival_trigger()]),
    ]


def _deployment(
    flow: Flow[Any, Any],
    schedule: CronSchedule | None = None,
    *,
    limit: int | None = 1,
    strategy: ConcurrencyLimitStrategy = ConcurrencyLimitStrategy.CANCEL_NEW,
    triggers: Iterable[DeploymentEventTrigger] = (),
) -> RunnerDeployment:
    make: Any = flow.to_deployment  # typed as if it might be called in an event loop
    deployment: RunnerDeployment = make(
        flow.name,
        schedules=[schedule] if schedule else [],
        triggers=list(triggers),
        tags=["reelmill"],
        concurrency_limit=ConcurrencyLimitConfig(limit=limit, collision_strategy=strategy) if limit else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return deployment


def arrival_trigger() -> DeploymentEventTrigger:
    """Return what lets an event start the watch flow."""
    return DeploymentEventTrigger(
        name="a sheet arrived", expect={watch.EVENT}, match={"prefect.resource.id": watch.RESOURCE}
    )


def serve(settings: Settings, deployments: Iterable[RunnerDeployment], *, owns_server: bool) -> None:
    """Register the deployments, run what is due, for ever.

    Args:
        deployments: those of ``served``.
        owns_server: nobody else executes flow runs of this server, so what it calls running is a leftover.
    """
    runner: Any = _Runner(name=POOL, limit=PROCESSES, pause_on_shutdown=False, query_seconds=POLL_S)
    ids = [runner.add_deployment(each) for each in deployments]
    if owns_server:
        end_leftovers(ids)
    for line in next_lines(deployments):
        print(line, flush=True)
    with runner.beside as beside:
        # What was not sent while nothing ran goes out now.
        beside.enter_context(delivering_alerts(settings, catalogue_of(resources_of(settings))))
        asyncio.run(runner.start())


def next_lines(deployments: Iterable[RunnerDeployment], now: datetime | None = None) -> list[str]:
    """Return a sentence for each schedule: when it runs next."""
    from prefect.server.schemas.schedules import CronSchedule as Dates  # half a second, which nothing else needs

    lines = []
    for each in deployments:
        for item in each.schedules or ():
            schedule = item.schedule
            if isinstance(schedule, CronSchedule):
                dates = Dates(cron=schedule.cron, timezone=schedule.timezone)
                first = next(iter(dates._get_dates_generator(n=1, start=now or datetime.now(UTC))))
                lines.append(f"{each.name} runs next at {first:%Y-%m-%d %H:%M} {schedule.timezone}")
    return lines


def await_server(seconds: float = START_S) -> None:
    """Wait until Prefect's server answers.

    Raises:
        ReelmillError: it does not.
    """
    url, deadline = os.environ["PREFECT_API_URL"], time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers(health_of(url)):
            return
        time.sleep(0.2)
    raise ReelmillError(
        f"Prefect's server at {without_password(url)} does not answer; start it, or mend PREFECT_API_URL."
    )


def deploy(environment: Mapping[str, str]) -> int:
    """Make the work pool unless it is there, and deploy what prefect.yaml in this folder says; return the exit code.

    Raises:
        SettingsError: a cron expression or the time zone is wrong.
    """
    words = words_of(load_settings())
    with suppress(ObjectAlreadyExists), get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    watch_for_zombies()
    return subprocess.call(  # noqa: S603
        [*PYTHON, "-m", "prefect", "--no-prompt", "deploy", "--all"], env={**isolated_environment(environment), **words}
    )


def words_of(settings: Settings) -> dict[str, str]:
    """Return what prefect.yaml leaves open: its schedules, and whether each has something to do."""
    stock, sweep = cron(settings, "stock_cron"), cron(settings, "sweep_cron")
    return {
        "TIMEZONE": settings.timezone,
        "STOCK_CRON": stock.cron,
        "SWEEP_CRON": sweep.cron,
        "STOCK_IS_NAMED": str(bool(settings.stock)),
        "WATCH_IS_NAMED": str(bool(settings.watch)),
    }


def main() -> None:
    """A process of its own: ``python -m flows.prefect.deployments``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deploy", action="store_true", help="Tell the server of prefect.yaml's deployments, and end.")
    parser.add_argument("--owns-server", action="store_true", help="Nobody else runs flows of this server.")
    options = parser.parse_args()
    with program() as settings:
        if not os.environ.get("PREFECT_API_URL"):
            raise SettingsError("No server is named; let PREFECT_API_URL name Prefect's.")
        deployments = [] if options.deploy else served(settings)  # what is wrong in them need not wait for the server
        await_server()
        if options.deploy:
            sys.exit(deploy(os.environ))
        serve(settings, deployments, owns_server=options.owns_server)


if __name__ == "__main__":
    main()
