"""`reelmill alerts`: alerts and their delivery status."""

import time
from datetime import datetime
from typing import Annotated

import typer

from adapters.catalogue import Alert
from app.cli.options import AsJson
from app.cli.output import say, say_json, seconds_text
from app.session import Session
from flows.runtime.alert_delivery import webhook_of
from manifests.errors import ReelmillError
from manifests.pluralize import count_of, counted
from tasks.alerts.alert_dispatcher import AlertDispatcher

alerts = typer.Typer(no_args_is_help=False, help="List alerts and their delivery status.")
SHOWN = 20
TEST = "This is the test message of `reelmill alerts test`: Reelmill alerts arrive here."


@alerts.callback(invoke_without_command=True)
def list_alerts(
    context: typer.Context,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="NUMBER", min=1, max=10_000, help="Number of alerts to list, newest first."),
    ] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """List alerts and their delivery status, newest first."""
    if context.invoked_subcommand:
        return
    session = Session.open()
    found = session.catalogue.alerts.all(limit)
    has_receiver = session.settings.alert_webhook is not None
    if as_json:
        say_json([_as_json(alert, has_receiver) for alert in found])
    elif found:
        for alert in found:
            _show(alert, has_receiver)
    else:
        say("No alerts yet.")


@alerts.command()
def send(as_json: AsJson = False) -> None:
    """Send undelivered alerts now, including those that were given up.

    The exit code is 1 if an alert could not be sent.
    """
    session = Session.open()
    receiver = webhook_of(session.settings)
    waiting = session.catalogue.alerts.retry_all()
    done = AlertDispatcher(session.catalogue, receiver).send_due()
    left = max(0, waiting - done.sent)
    if as_json:
        say_json({"sent": done.sent, "failed": done.failed, "left": left})
    else:
        say(f"Sent {done.sent} of {count_of(waiting, 'alert')}." if waiting else "No alerts to send.")
    if done.failed:
        failed = next((alert.error for alert in session.catalogue.alerts.all(1000) if alert.error), "")
        raise ReelmillError(f"{counted(left, 'alert{s} could not be sent and {are} kept.')} {failed}")


@alerts.command()
def test() -> None:
    """Send a test message to the webhook."""
    session = Session.open()
    began = time.monotonic()
    answer = webhook_of(session.settings).post(TEST, "Run the command again later")
    if answer.error:
        raise ReelmillError(answer.error)
    say(f"The webhook accepted the test message in {seconds_text(time.monotonic() - began)}.")


def state_of(alert: Alert, has_receiver: bool) -> str:
    """Return ``sent``, ``given up``, ``waiting``, or ``kept`` if there is no webhook or the alert is older than it."""
    if alert.sent_at is not None:
        return "sent"
    if alert.given_up_at is not None:
        return "given up" if alert.tries else "kept"
    return "waiting" if has_receiver else "kept"


def _show(alert: Alert, has_receiver: bool) -> None:
    attempts = f", {count_of(alert.tries, 'attempt')}" if alert.tries else ""
    say(f"{_local(alert.at)}  {alert.kind}: {state_of(alert, has_receiver)}{attempts}")
    say(f"  {alert.text}")
    if alert.error:
        say(f"  Last error: {alert.error}")


def _as_json(alert: Alert, has_receiver: bool) -> dict[str, object]:
    return {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "campaign_id": alert.campaign_id,
        "text": alert.text,
        "at": alert.at,
        "state": state_of(alert, has_receiver),
        "tries": alert.tries,
        "due_at": alert.due_at,
        "sent_at": alert.sent_at,
        "last_error": alert.error,
        "detail": dict(alert.detail),
    }


def _local(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
