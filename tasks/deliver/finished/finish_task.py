"""The Prefect task that finishes, signs and publishes deliverables."""

import threading

from prefect import task

from tasks.runtime.logs.redacted_logs import logged
from tasks.runtime.resources import Resources
from tasks.runtime.retry import TASK_OPTIONS


@task(name="finish", **TASK_OPTIONS)
def finish(resources: Resources, campaign_id: str, published: threading.Event, run_id: str) -> int:
    """Make deliverables while clips are being published; return the number of published deliverables."""
    from tasks.deliver.finished.finish_deliverables import (
        finish_deliverables,  # only needed by campaigns with finishing
    )

    with logged(resources, campaign_id=campaign_id):
        return finish_deliverables(resources, campaign_id, published, run_id=run_id)
