"""The stock flow: a nightly run of stock footage, within a time window and a budget."""

import contextlib
import re
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.campaign import RUNNER, run_campaign
from flows.nightly import WINDOW, NightRun, budget_left_s, final_report, limits_of, prepare, register_night
from flows.runtime.alert_delivery import delivering_alerts
from flows.runtime.flow_failures import alerting_failures, flow_run_id
from flows.runtime.parameters import settings_given
from flows.runtime.resources import resources_of
from flows.settings import Settings
from manifests.errors import ReelmillError
from manifests.nightly.night import UNTIL
from manifests.nightly.night_report import FAILED, NightReport
from tasks.alerts import alerts
from tasks.runtime.resources import Resources, catalogue_of

AGAIN = "Nothing more is generated tonight. Fix the cause and run it again with `reelmill stock`."
NotNegative = Annotated[float | None, Field(ge=0)]


@flow(name="stock", persist_result=False, task_runner=RUNNER)
def stock(
    sheet: str = "",
    until: Annotated[str | None, Field(pattern=UNTIL)] = None,
    budget_h: NotNegative = None,
    budget_money: NotNegative = None,
    price_h: NotNegative = None,
    dry_run: bool = False,
    starts: float | None = None,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Generate the footage of a stock sheet that the catalogue lacks; return the report of `reelmill stock --json`.

    Args:
        sheet: path of the stock sheet, its key in the bucket, or ``s3://name/key``; empty for the setting ``stock``.
        until: time of day (``HH:MM``, in the time zone of the settings) at which no new work is started; empty for no
            end, None for the setting ``stock_until``.
        budget_h: device hours; 0 for no limit, None for the setting ``stock_budget_h``.
        budget_money: maximum cost of device time, at ``price_h`` per device hour.
        price_h: price of a device hour.
        dry_run: choose combinations and report, without starting the run.
        starts: scheduled start of the run, in seconds since 1970; None for that of the flow run.
        settings: overrides by setting name.

    Raises:
        ReelmillError: the error that stopped the run; finished work is kept, and a run in the same night resumes it.
    """
    with alerting_failures(f"The nightly run{f' of {sheet}' if sheet else ''}", advice=AGAIN):
        chosen = settings_given(settings)
        resources = resources_of(chosen)
        limits = limits_of(chosen, until, budget_h, budget_money, price_h, dry_run=dry_run)
        run = prepare(chosen, resources, sheet, limits, starts_at() if starts is None else starts)
    report = run.report if run.report.ended else run_night(chosen, resources, run)
    if report.ended == WINDOW and not report.campaign_id:
        alert_missed(chosen, resources, report)
    publish_report(report, chosen.review_url)
    return report.as_json()


def starts_at() -> float:
    """Return the scheduled start of the flow run, in seconds since 1970, so that a late run does not end later."""
    return float(flow_run.scheduled_start_time.timestamp())


def run_night(settings: Settings, resources: Resources, run: NightRun) -> NightReport:
    """Run the campaign of the night until it is finished or a limit is reached; a failure is reported and raised."""
    try:
        with alerting_failures(f"The nightly run of {run.report.sheet}", advice=AGAIN):
            register_night(settings, resources, run)
        ended = run_campaign(
            settings, resources, run.campaign_id, until=run.night.until, budget_s=budget_left_s(resources, run)
        )
    except Exception as error:
        with contextlib.suppress(ReelmillError):  # if the catalogue does not respond, raise the first error only
            publish_report(final_report(resources, run, FAILED, str(error)), settings.review_url)
        raise
    return final_report(resources, run, ended)


def alert_missed(settings: Settings, resources: Resources, report: NightReport) -> None:
    """Create an alert for a night that started too late to do anything."""
    catalogue = catalogue_of(resources)
    with delivering_alerts(settings, catalogue):
        alerts.flow_run_ended(
            catalogue,
            flow_run_id(),
            f"The nightly run {report.day} of {report.sheet} started nothing, because it began after the end of its "
            f"window, {report.stop}. Check that `reelmill up` runs at the scheduled time, or that no other nightly run "
            "takes so long.",
        )


def publish_report(report: NightReport, review_url: str) -> None:
    """Publish the report as artifacts of the flow run."""
    key = re.sub(r"[^a-z0-9]+", "-", f"stock-{report.day}")
    table = [{"what": what, "number": number} for what, number in report.rows()]
    create_table_artifact(key=key, table=table, description=report.sentence)
    create_markdown_artifact(
        key="stock-summary",
        markdown="\n".join([f"**{report.sentence}**", "", *(f"- {what}: {number}" for what, number in report.rows())]),
    )
    if review_url and report.campaign_id:
        create_link_artifact(
            f"{review_url.rstrip('/')}/campaigns/{report.campaign_id}",
            "Review the clips of this run",
            key=f"{key}-review",
        )
