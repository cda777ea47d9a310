"""The sweep flow: what the sweeper found, kept where operators look."""

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from pydantic import Field

from flows.runtime.campaign_buckets import places_of
from flows.runtime.parameters import checked_overrides, settings_given
from flows.runtime.resources import resources_of
from tasks.sweep.report import SweepReport
from tasks.sweep.sweep import sweep_all
from tasks.sweep.terms import MOST_SAMPLE, Terms


@flow(name="sweep", persist_result=False)
def sweep(
    dry_run: bool = False,
    sample: Annotated[int, Field(ge=0, le=MOST_SAMPLE)] = 20,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Sweep catalogue, buckets and staging; return what was found, as `reelmill sweep --json` prints it.

    Args:
        dry_run: tell, and change nothing.
        sample: how many published credentials are verified again.
        settings: overrides by the names of Settings.

    Raises:
        CatalogueError: the catalogue does not answer.
    """
    overrides = checked_overrides(settings)
    loaded = settings_given(overrides)
    resources = resources_of(loaded)
    report = sweep_all(
        resources,
        places_of(resources, **overrides),
        Terms(dry_run=dry_run, sample=sample, review_url=loaded.review_url),
    )
    keep(report)
    return report.as_json()


def keep(report: SweepReport) -> None:
    """Keep the report as artifacts of the flow run."""
    create_table_artifact(key="sweep", table=list(report.rows()), description=summary(report))
    create_markdown_artifact(key="sweep-summary", markdown=summary(report))


def summary(report: SweepReport) -> str:
    """Return what was looked at, and what it came to, in a few lines."""
    outcome = (
        "Nothing was found."
        if report.is_empty
        else ("A person has to see to some of it." if report.for_people else "Nobody has to do anything.")
    )
    lines = [f"- {looked}" for looked in report.looked_at]
    return "\n".join([f"**{outcome}**{' Dry run: nothing was changed.' if report.dry_run else ''}", "", *lines])
