"""Alerts as events of Prefect, so that its automations can notify people by any of its blocks."""

import os

from tasks.alerts import alerts
from tasks.alerts.alerts import AlertText

PREFIX = "reelmill.alert"
LONGEST_DETAIL = 20
"""Entries of a list within an event's payload; the outbox keeps them all."""


def install() -> None:
    """Let each new alert of this process become an event as well; may be called again."""
    if emit not in alerts.listeners:
        alerts.listeners.append(emit)


def emit(told: AlertText) -> None:
    """Hand an alert to Prefect's own sender, which works in the background and drops what its server does not take.

    Without a server that was named nothing happens: Prefect would start one for this.
    """
    if not os.environ.get("PREFECT_API_URL"):
        return
    from prefect.events import emit_event  # a second, and processes without a server need none of it

    emit_event(
        event=f"{PREFIX}.{told.kind}",
        resource=_resource(told),
        payload={
            "text": told.text,
            "kind": told.kind,
            "campaign_id": told.campaign_id or "",
            **{
                name: value[:LONGEST_DETAIL] if isinstance(value, list) else value
                for name, value in told.detail.items()
            },
        },
    )


def _resource(told: AlertText) -> dict[str, str]:
    if told.campaign_id is None:
        return {"prefect.resource.id": "reelmill.installation", "prefect.resource.name": "Reelmill"}
    return {
        "prefect.resource.id": f"reelmill.campaign.{told.campaign_id}",
        "prefect.resource.name": told.campaign_id,
        "reelmill.kind": told.kind,
    }
