"""The campaign flow: a sheet in, signed and published clips out."""

import threading
from pathlib import Path
from typing import Any, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from flows.prefect.artifacts import shown
from flows.registration import check_models, settings_of
from flows.runtime.alert_delivery import delivering_alerts
from flows.runtime.dispatch import is_transient, render_all, stopped_by_errors
from flows.runtime.fan_out import check_fan_out, pool_of
from flows.runtime.logs import logged, prepare_logs
from flows.runtime.parameters import checked_overrides
from flows.runtime.resources import resources_of
from flows.runtime.run import LEFT, Run, run_of
from flows.settings import Settings, load_settings
from flows.steer import Urgency, Word, say
from flows.submit import submit
from tasks.deliver.deliver import deliver
from tasks.plan.remaining import Remaining, release_dead_leases
from tasks.runtime.cancellation import stopping
from tasks.runtime.resources import Resources, catalogue_of

ROUNDS = 3
RUNNER: Any = ThreadPoolTaskRunner(max_workers=2)


@task(
    name="deliver",
    retries=2,
    retry_delay_seconds=[2, 15],
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def send(resources: Resources, campaign_id: str, review: str, rendered: threading.Event) -> int:
    """Sign and publish while rendering goes on."""
    with logged(resources, campaign_id=campaign_id):
        return deliver(resources, campaign_id, review, rendered)


@flow(name="campaign", persist_result=False, task_runner=RUNNER)
def campaign(
    sheet: str = "",
    campaign_id: str = "",
    accept_good_rows: bool = False,
    sample_size: int | None = None,
    priority: Urgency = None,
    action: Literal["run"] | Word = "run",
    until: float | None = None,
    budget_s: float | None = None,
    settings: dict[str, Any] | None = None,
) -> str:
    """Run a sheet to its end, or go on with a campaign that the catalogue holds; return its id.

    Args:
        sheet: path of the sheet; or else
        campaign_id: what to go on with: its id, a unique beginning of it, or its name.
        accept_good_rows: go on without the rows that have problems.
        sample_size: make so many variants only, spread over the campaign.
        priority: how urgent it is from now on; None leaves it.
        action: ``run`` does nothing on a campaign that is paused or cancelled; ``resume`` ends a pause first, and
            ``reopen`` a cancellation; ``pause`` and ``cancel`` say so to whoever runs it, and end.
        until: when it takes no more work, seconds since 1970.
        budget_s: device seconds after which it takes no more work.
        settings: overrides by the names of Settings.

    Raises:
        ReelmillError: what stopped it; everything finished until then stays.
    """
    overrides = checked_overrides(settings)
    chosen = settings_of(campaign_id, **overrides) if campaign_id else load_settings(**overrides)
    prepare_logs(chosen)
    resources = resources_of(chosen)
    if not campaign_id:
        campaign_id = submit(
            chosen, resources, Path(sheet), accept_good_rows=accept_good_rows, sample_size=sample_size
        ).campaign_id
    catalogue = catalogue_of(resources)
    campaign_id = catalogue.campaigns.get(campaign_id).campaign_id
    say(catalogue, campaign_id, action, priority)
    if action not in ("pause", "cancel"):
        finish(chosen, resources, campaign_id, until=until, budget_s=budget_s)
    return campaign_id


def finish(
    settings: Settings,
    resources: Resources,
    campaign_id: str,
    *,
    until: float | None = None,
    budget_s: float | None = None,
) -> str:
    """Render, judge, sign and publish all that is left; return ``finished``, or why the run ended before that.

    Further rounds make again what an earlier one sent back since its staged files were gone, and what a worker held
    that was lost.

    Args:
        until: when it takes no more work, seconds since 1970.
        budget_s: device seconds after which it takes no more work.

    Returns:
        ``finished``, ``paused``, ``cancelled``, ``window``, ``budget``, or ``left``: some is still held by others, or
        was lost over and over.
    """
    check_fan_out(settings)
    catalogue = catalogue_of(resources)
    if settings.runner == "threads":
        check_models(resources, campaign_id)  # a cluster's workers have weights of their own
    release_dead_leases(catalogue)
    remaining = Remaining(resources, campaign_id, settings.max_rank_share)
    remaining.regate()
    pool = pool_of(settings, resources.machine)
    with (
        delivering_alerts(settings, catalogue),
        run_of(catalogue, campaign_id, pool, until=until, budget_s=budget_s, review_url=settings.review_url) as run,
        shown(settings, resources, run),
    ):
        for left in reversed(range(ROUNDS)):
            work_through(settings, resources, remaining, run)
            if remaining.is_done(settings.review):
                break
            run.look()
            if run.is_over:
                break
            if left:
                remaining.await_leases(resources.lease_s + 1)
        else:
            run.outcome = LEFT
    return run.outcome


def work_through(settings: Settings, resources: Resources, remaining: Remaining, run: Run) -> None:
    """Render what is left, deliver beside it; raise the first error once the rest has ended."""
    stopping.clear()
    rendered = threading.Event()
    delivery = send.submit(resources, run.campaign_id, settings.review, rendered)
    try:
        with stopped_by_errors():
            render_all(settings, resources, remaining, run)
            rendered.set()
            delivery.result()
    finally:
        rendered.set()
