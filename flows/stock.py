"""The stock flow: a night of stock footage, within a window and a budget."""

import contextlib
import re
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.campaign import RUNNER, finish
from flows.nightly import Shift, begin, budget_left_s, prepare, report_after, terms_of
from flows.runtime.parameters import settings_given
from flows.runtime.resources import resources_of
from flows.settings import Settings
from manifests.errors import ReelmillError
from manifests.nightly.night import UNTIL
from manifests.nightly.night_report import FAILED, NightReport
from tasks.runtime.resources import Resources

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
    """Make what a stock sheet wants and the catalogue lacks; return the report, as `reelmill stock --json` prints it.

    Args:
        sheet: path of the stock sheet, its key in the bucket, or ``s3://name/key``; empty for the setting ``stock``.
        until: time of day at which it takes no more work, ``HH:MM`` in the setting ``timezone``; empty for no end,
            None for the setting ``stock_until``.
        budget_h: device hours; 0 for no limit, None for the setting ``stock_budget_h``.
        budget_money: what device time may cost, at ``price_h`` a device hour.
        price_h: money for a device hour.
        dry_run: choose and report, begin nothing.
        starts: when the night was to start, seconds since 1970; None for when the flow run was.
        settings: overrides by the names of Settings.

    Raises:
        ReelmillError: what stopped it; everything finished until then stays, and the same night goes on from there.
    """
    chosen = settings_given(settings)
    resources = resources_of(chosen)
    terms = terms_of(chosen, until, budget_h, budget_money, price_h, dry_run=dry_run)
    shift = prepare(chosen, resources, sheet, terms, starts_at() if starts is None else starts)
    report = shift.report if shift.report.ended else work_through_night(chosen, resources, shift)
    keep(report, chosen.review_url)
    return report.as_json()


def starts_at() -> float:
    """Return when the flow run was to start, seconds since 1970: one that comes late ends no later."""
    return float(flow_run.scheduled_start_time.timestamp())


def work_through_night(settings: Settings, resources: Resources, shift: Shift) -> NightReport:
    """Run the night's campaign to its end, or to that of window or budget; a failure is reported, and raised."""
    begin(settings, resources, shift)
    try:
        ended = finish(
            settings, resources, shift.campaign_id, until=shift.night.until, budget_s=budget_left_s(resources, shift)
        )
    except Exception as error:
        with contextlib.suppress(ReelmillError):  # a catalogue that is away can tell nothing; the first error counts
            keep(report_after(resources, shift, FAILED, str(error)), settings.review_url)
        raise
    return report_after(resources, shift, ended)


def keep(report: NightReport, review_url: str) -> None:
    """Keep the report as artifacts of the flow run."""
    key = re.sub(r"[^a-z0-9]+", "-", f"stock-{report.day}")
    table = [{"what": what, "number": number} for what, number in report.rows()]
    create_table_artifact(key=key, table=table, description=report.sentence)
    create_markdown_artifact(
        key="stock-summary",
        markdown="\n".join([f"**{report.sentence}**", "", *(f"- {what}: {number}" for what, number in report.rows())]),
    )
    if review_url and report.campaign_id:
        create_link_artifact(
            f"{review_url.rstrip('/')}/campaigns/{report.campaign_id}", "Look at the night's clips", key=f"{key}-review"
        )
