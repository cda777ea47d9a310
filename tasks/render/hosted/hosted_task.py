"""The Prefect task that renders the shards of a hosted card, on a thread of the driver: keys never leave it."""

from prefect import task

from tasks.plan.shard import Shard
from tasks.render.hosted.lane import render_hosted_shard
from tasks.render.render import ShardReport
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.logs.redacted_logs import logged
from tasks.runtime.resources import Resources
from tasks.runtime.retry import TASK_OPTIONS


@task(name="render hosted shards", task_run_name="render {card}", **TASK_OPTIONS)
def render_hosted(resources: Resources, card: str, shards: tuple[Shard, ...]) -> list[ShardReport]:
    """Generate and score the shards of one card, one after the other: each uses the whole account.

    Args:
        card: name of the card.
    """
    reports: list[ShardReport] = []
    for shard in shards:
        fields = {"campaign_id": shard.campaign_id, "shard": shard.name, "run_id": shard.run_id}
        with logged(resources, **fields, worker=current_owner()):
            reports.append(render_hosted_shard(resources, shard))
        if reports[-1].why_ended:
            break
    return reports
