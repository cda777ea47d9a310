"""The Prefect task that signs and publishes clips."""

import threading

from prefect import task

from tasks.deliver import deliver as step
from tasks.runtime.logs.redacted_logs import logged
from tasks.runtime.resources import Resources
from tasks.runtime.retry import TASK_OPTIONS


@task(name="deliver", **TASK_OPTIONS)
def deliver(resources: Resources, campaign_id: str, review: str, rendered: threading.Event) -> int:
    """Sign and publish clips while others are being generated; return the number of published clips."""
    with logged(resources, campaign_id=campaign_id):
        return step.deliver(resources, campaign_id, review, rendered)
