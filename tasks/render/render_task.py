"""The Prefect task that renders a shard; it runs on a thread of this host or on a worker of a cluster."""

from collections.abc import Callable

from prefect import task

from tasks.plan.shard import Shard
from tasks.render.render import ShardReport, render_shard
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.logs.redacted_logs import logged
from tasks.runtime.resources import Resources
from tasks.runtime.retry import TASK_OPTIONS


@task(name="render shard", task_run_name="render {shard.name}", **TASK_OPTIONS)
def render(resources: Resources, shard: Shard, localise: Callable[[Resources], Resources]) -> ShardReport:
    """Generate and score one shard on a device.

    Args:
        resources: those that the driver sends.
        shard: its jobs are leased one by one.
        localise: returns the resources with the local folders, devices and credentials of this host.
    """
    local = localise(resources)  # first, because its credentials must not appear in logs either
    with logged(local, campaign_id=shard.campaign_id, shard=shard.name, run_id=shard.run_id, worker=current_owner()):
        return render_shard(local, shard)
