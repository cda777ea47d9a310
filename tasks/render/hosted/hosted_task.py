"""The Prefect task that renders the shards of a hosted card, on a thread of the driver: keys never leave it."""

from dataclasses import replace
from itertools import islice

from prefect import task

from adapters.catalogue import Catalogue
from adapters.catalogue.work.steering import CANCELLED
from tasks.plan.shard import Shard
from tasks.render.hosted.lane import render_hosted_shard
from tasks.render.hosted.takeover import follow_left, jobs_of_cancelled, taking_over
from tasks.render.render import ShardReport
from tasks.runtime.cancellation import stopping
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.logs.redacted_logs import logged
from tasks.runtime.resources import Resources, catalogue_of
from tasks.runtime.retry import TASK_OPTIONS


@task(name="render hosted shards", task_run_name="render {card}", **TASK_OPTIONS)
def render_hosted(resources: Resources, card: str, shards: tuple[Shard, ...]) -> list[ShardReport]:
    """Generate and score the shards of one card, one after the other: each uses the whole account.

    Jobs of the account that no process follows are followed at the same time. If the campaign is cancelled, its
    submitted jobs are cancelled if this is free of charge; otherwise they are followed to their end.

    Args:
        card: name of the card.
    """
    reports: list[ShardReport] = []
    first = shards[0]
    with taking_over(resources, card, first.campaign_id, first.max_rank_share):
        for shard in open_first(catalogue_of(resources), shards):
            fields = {"campaign_id": shard.campaign_id, "shard": shard.name, "run_id": shard.run_id}
            with logged(resources, **fields, worker=current_owner()):
                reports.append(render_hosted_shard(resources, shard))
            if reports[-1].why_ended:
                break
    if reports[-1].why_ended == CANCELLED:
        reports += _settled(resources, card, first)
    return reports


def open_first(catalogue: Catalogue, shards: tuple[Shard, ...]) -> tuple[Shard, ...]:
    """Return the shards with the jobs that the provider already has first, so that all are adopted at once."""
    jobs = [job for shard in shards for job in shard.jobs]
    opened = catalogue.provider_jobs.open_of(job.variant_id for job in jobs).keys() if len(shards) > 1 else set()
    if not opened:
        return shards
    ordered = iter(sorted(jobs, key=lambda job: job.variant_id not in opened))
    wants = {goal: want for shard in shards for goal, want in shard.wants.items()}
    return tuple(replace(shard, jobs=tuple(islice(ordered, len(shard.jobs))), wants=wants) for shard in shards)


def _settled(resources: Resources, card: str, shard: Shard) -> list[ShardReport]:
    """Cancel the open jobs of a cancelled campaign, or follow them to their end."""
    with logged(resources, campaign_id=shard.campaign_id, run_id=shard.run_id, worker=current_owner()):
        groups = jobs_of_cancelled(catalogue_of(resources), shard.campaign_id, card)
        found = [follow_left(resources, left, shard.max_rank_share, stopping.is_set) for left in groups]
    return [report._replace(why_ended=CANCELLED) for report in found if report is not None]
