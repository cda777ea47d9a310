"""The campaign flow: from a sheet to signed and published clips."""

import threading
from typing import Any, Literal

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.fan_out.dispatch import render_all, stopped_by_errors
from flows.fan_out.fan_out import check_fan_out, pool_of
from flows.prefect.artifacts import showing_progress
from flows.prices import prices_of
from flows.registration import check_run, settings_of
from flows.runtime.alert_delivery import delivering_alerts
from flows.runtime.flow_failures import alerting_failures, flow_run_id
from flows.runtime.logs import prepare_logs
from flows.runtime.parameters import checked_overrides
from flows.runtime.resources import resources_of
from flows.runtime.run import LEFT, Run, run_of
from flows.settings import Settings, load_settings
from flows.steer import Action, Priority, apply_action
from flows.submit import submit
from manifests.sheet.reading import ReadingOptions
from tasks.deliver.deliver_task import deliver
from tasks.deliver.finished.finish_task import finish
from tasks.deliver.staged_elsewhere import staged_elsewhere
from tasks.finish.planning import left_to_finish, needs_finishing
from tasks.intake.sources.sheet_link import fetch_sheet
from tasks.intake.sources.sheet_store import SheetStore
from tasks.plan.fallback import use_fallbacks
from tasks.plan.remaining import Remaining, release_dead_leases
from tasks.runtime.cancellation import stopping
from tasks.runtime.device_use.settlement import folder_of, settle_dead_uses
from tasks.runtime.resources import Resources, cards_of, catalogue_of

ROUNDS = 3
RUNNER: Any = ThreadPoolTaskRunner(max_workers=3)


@flow(name="campaign", persist_result=False, task_runner=RUNNER)
def campaign(
    sheet: str = "",
    campaign_id: str = "",
    accept_good_rows: bool = False,
    sample_size: int | None = None,
    tab: str = "",
    include_hidden: bool = False,
    encoding: str = "",
    priority: Priority = None,
    action: Literal["run"] | Action = "run",
    until: float | None = None,
    budget_s: float | None = None,
    budget: str | None = None,
    settings: dict[str, Any] | None = None,
) -> str:
    """Run the campaign of a sheet, or resume a campaign in the catalogue; return its id.

    Args:
        sheet: path of the sheet, ``s3://bucket/key``, or a link to it; alternatively
        campaign_id: campaign to resume: its id, a unique prefix of it, or its name.
        accept_good_rows: skip rows with errors.
        sample_size: generate only this number of variants, spread over the campaign.
        tab: tab of a workbook to read; empty for the best one.
        include_hidden: also use rows and columns that are hidden or filtered out.
        encoding: encoding of a text file, such as ``cp1251``; empty to detect it.
        priority: new priority of the campaign; None keeps it.
        action: ``run`` does nothing if the campaign is paused or cancelled; ``resume`` ends a pause first, and
            ``reopen`` also a cancellation; ``pause`` and ``cancel`` change the status without running.
        until: time at which no new work is started, in seconds since 1970.
        budget_s: device seconds after which no new work is started.
        budget: money that this run may spend, such as ``50 USD``; None for the setting, empty for no limit.
        settings: overrides by setting name.

    Raises:
        ReelmillError: the error that stopped the run; finished work is kept.
    """
    overrides = checked_overrides(settings) | ({} if budget is None else {"budget": budget})
    with alerting_failures(f"The campaign {sheet or campaign_id}", advice="Fix the cause and start it again."):
        chosen = settings_of(campaign_id, **overrides) if campaign_id else load_settings(**overrides)
        prepare_logs(chosen)
        resources = resources_of(chosen)
        if not campaign_id:
            campaign_id = submit(
                chosen,
                resources,
                fetch_sheet(sheet, SheetStore(chosen.home)),
                accept_good_rows=accept_good_rows,
                sample_size=sample_size,
                reading=ReadingOptions(tab, include_hidden, encoding),
            ).campaign_id
        catalogue = catalogue_of(resources)
        campaign_id = catalogue.campaigns.get(campaign_id).campaign_id
        apply_action(catalogue, campaign_id, action, priority)
    if action not in ("pause", "cancel"):
        run_campaign(chosen, resources, campaign_id, until=until, budget_s=budget_s)
    return campaign_id


def run_campaign(
    settings: Settings,
    resources: Resources,
    campaign_id: str,
    *,
    until: float | None = None,
    budget_s: float | None = None,
) -> str:
    """Generate, score, sign and publish all remaining variants, and return the outcome.

    Later rounds regenerate clips whose staged files are missing, and variants of workers that were lost.

    Args:
        until: time at which no new work is started, in seconds since 1970.
        budget_s: device seconds after which no new work is started.

    Returns:
        ``finished``, ``paused``, ``cancelled``, ``window``, ``budget``, or ``left`` if some variants are still leased
        by others, were lost repeatedly, or can only be published by another machine.
    """
    catalogue = catalogue_of(resources)
    pool = pool_of(settings, resources.machine)
    with (
        delivering_alerts(settings, catalogue),
        run_of(
            catalogue,
            campaign_id,
            pool,
            until=until,
            budget_s=budget_s,
            budget=settings.money_limit,
            prices=prices_of(settings, cards_of(resources)),
            review_url=settings.review_url,
            flow_run_id=flow_run_id(),
        ) as run,
        showing_progress(settings, resources, run),
    ):
        remaining = prepare_run(settings, resources, campaign_id)
        for left in reversed(range(ROUNDS)):
            work_through(settings, resources, remaining, run)
            while not run.is_over and use_fallbacks(resources, campaign_id, run.provider_failures):
                remaining = Remaining(resources, campaign_id, settings.max_rank_share)
                work_through(settings, resources, remaining, run)
            run.raise_provider_failure()
            if remaining.is_done(settings.review) and not left_to_finish(catalogue, campaign_id):
                break
            run.check_ended()
            if run.is_over:
                break
            if left:
                remaining.await_leases(resources.lease_s + 1)
        else:
            run.outcome = LEFT
            waiting = staged_elsewhere(resources, campaign_id)
            unfinished = left_to_finish(catalogue, campaign_id)
            run.why_left = "; ".join(filter(None, [waiting.why if waiting else "", unfinished, *run.problems]))
    return run.outcome


def prepare_run(settings: Settings, resources: Resources, campaign_id: str) -> Remaining:
    """Check what the run needs, release the leases of dead processes, and apply changed thresholds.

    Raises:
        ReelmillError: the run cannot succeed; nothing was spent.
    """
    check_fan_out(settings)
    check_run(settings, resources, campaign_id)
    release_dead_leases(catalogue_of(resources))
    settle_dead_uses(catalogue_of(resources), folder_of(resources.staging))
    while use_fallbacks(resources, campaign_id):  # before the first round, for models that cannot be used now
        check_run(settings, resources, campaign_id)
    remaining = Remaining(resources, campaign_id, settings.max_rank_share)
    remaining.regate()
    return remaining


def work_through(settings: Settings, resources: Resources, remaining: Remaining, run: Run) -> None:
    """Generate the remaining variants, deliver clips and finish deliverables at the same time.

    The first error is raised after all of them ended. Failures of providers are not raised: ``run`` keeps them.
    """
    stopping.clear()
    rendered, published = threading.Event(), threading.Event()
    delivery = deliver.submit(resources, run.campaign_id, settings.review, rendered)
    finishing = None
    if needs_finishing(catalogue_of(resources), run.campaign_id):
        finishing = finish.submit(resources, run.campaign_id, published, run.run_id)
    try:
        with stopped_by_errors():
            render_all(settings, resources, remaining, run)
            rendered.set()
            delivery.result()
            published.set()
            if finishing:
                finishing.result()
    finally:
        rendered.set()
        published.set()
