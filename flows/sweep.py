"""The sweep flow: run the sweeper and show its report as artifacts."""

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from pydantic import Field

from flows.prefect.ended_flow_runs import report_ended_flow_runs
from flows.runtime.campaign_buckets import sweep_targets
from flows.runtime.parameters import checked_overrides, settings_given
from flows.runtime.resources import resources_of
from tasks.runtime.resources import catalogue_of
from tasks.sweep.context import MAX_SAMPLE, SweepOptions
from tasks.sweep.report import SweepReport
from tasks.sweep.sweep import sweep_all


@flow(name="sweep", persist_result=False)
def sweep(
    dry_run: bool = False,
    sample: Annotated[int, Field(ge=0, le=MAX_SAMPLE)] = 20,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Sweep the catalogue, the buckets and staging; return the report in the format of `reelmill sweep --json`.

    Args:
        dry_run: report without changing anything.
        sample: number of published credentials to verify again.
        settings: overrides by setting name.

    Raises:
        CatalogueError: the catalogue does not respond.
    """
    overrides = checked_overrides(settings)
    loaded = settings_given(overrides)
    resources = resources_of(loaded)
    if not dry_run:
        report_ended_flow_runs(catalogue_of(resources), loaded.review_url)
    report = sweep_all(
        resources,
        sweep_targets(resources, **overrides),
        SweepOptions(
            dry_run=dry_run, sample=sample, review_url=loaded.review_url, max_rank_share=loaded.max_rank_share
        ),
    )
    publish_report(report)
    return report.as_json()


def publish_report(report: SweepReport) -> None:
    """Publish the report as artifacts of the flow run."""
    create_table_artifact(key="sweep", table=list(report.rows()), description=summary(report))
    create_markdown_artifact(key="sweep-summary", markdown=summary(report))


def summary(report: SweepReport) -> str:
    """Return the outcome and what was checked, in a few lines of Markdown."""
    outcome = (
        "No findings."
        if report.is_empty
        else ("Some findings need a person's attention." if report.needs_person else "No action is needed.")
    )
    lines = [f"- {checked}" for checked in report.checked_texts]
    return "\n".join([f"**{outcome}**{' Dry run: nothing was changed.' if report.dry_run else ''}", "", *lines])
