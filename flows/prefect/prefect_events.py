"""Emit alerts as Prefect events, so that automations can send notifications with any Prefect block."""

import os

from tasks.alerts import alerts
from tasks.alerts.alerts import AlertText

PREFIX = "reelmill.alert"
MAX_LIST_LENGTH = 20
"""Maximum length of lists in an event's payload; the outbox stores the full lists."""


def install() -> None:
    """Emit an event for each new alert of this process; repeated calls have no effect."""
    if emit not in alerts.listeners:
        alerts.listeners.append(emit)


def emit(alert: AlertText) -> None:
    """Emit an alert with Prefect's client, which sends in the background and drops events that the server rejects.

    Do nothing if PREFECT_API_URL is not set, because Prefect would start a server.
    """
    if not os.environ.get("PREFECT_API_URL"):
        return
    from prefect.events import emit_event  # the import takes a second, and is not needed without a server

    emit_event(
        event=f"{PREFIX}.{alert.kind}",
        resource=_resource(alert),
        payload={
            "text": alert.text,
            "kind": alert.kind,
            "campaign_id": alert.campaign_id or "",
            **{
                name: value[:MAX_LIST_LENGTH] if isinstance(value, list) else value
                for name, value in alert.detail.items()
            },
        },
    )


def _resource(alert: AlertText) -> dict[str, str]:
    if alert.campaign_id is None:
        return {"prefect.resource.id": "reelmill.installation", "prefect.resource.name": "Reelmill"}
    return {
        "prefect.resource.id": f"reelmill.campaign.{alert.campaign_id}",
        "prefect.resource.name": alert.campaign_id,
        "reelmill.kind": alert.kind,
    }
