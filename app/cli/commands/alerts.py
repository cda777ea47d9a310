"""`reelmill alerts`: what people were told, and whether it has reached them."""

import time
from datetime import datetime
from typing import Annotated

import typer

from adapters.catalogue import Alert
from app.cli.options import AsJson
from app.cli.output import say, say_json, seconds_text, show_table
from app.session import Session
from flows.runtime.alert_delivery import webhook_of
from manifests.errors import ReelmillError
from manifests.pluralize import counted
from tasks.alerts.alert_dispatcher import AlertDispatcher

alerts = typer.Typer(no_args_is_help=False, help="What people were told, and whether it has reached them.")
SHOWN = 20
TEST = "Reelmill can reach you here: this is the test message of `reelmill alerts test`."


@alerts.callback(invoke_without_command=True)
def list_alerts(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The newest so many.")] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """List alerts, the newest first, with their tries and the last error."""
    if context.invoked_subcommand:
        return
    session = Session.open()
    found = session.catalogue.alerts(limit)
    has_receiver = session.settings.alert_webhook is not None
    if as_json:
        say_json([_as_json(alert, has_receiver) for alert in found])
    elif found:
        show_table(
            "",
            ["at", "kind", "state", "tries", "text", "last error"],
            [
                (_local(alert.at), alert.kind, state_of(alert, has_receiver), alert.tries, alert.text, alert.error)
                for alert in found
            ],
        )
    else:
        say("No alert yet.")


@alerts.command()
def send(as_json: AsJson = False) -> None:
    """Send now what waits or was given up, with all its tries anew; exit code 1 where some could not be sent."""
    session = Session.open()
    receiver = webhook_of(session.settings)
    waiting = session.catalogue.retry_alerts()
    done = AlertDispatcher(session.catalogue, receiver).send_due()
    left = max(0, waiting - done.sent)
    if as_json:
        say_json({"sent": done.sent, "failed": done.failed, "left": left})
    else:
        say(f"{done.sent} of {waiting} sent." if waiting else "No alert waits.")
    if done.failed:
        failed = next((alert.error for alert in session.catalogue.alerts(1000) if alert.error), "")
        raise ReelmillError(f"{counted(left, 'alert{s} could not be sent and {are} kept.')} {failed}")


@alerts.command()
def test() -> None:
    """Send a message that says nothing but that it has come."""
    session = Session.open()
    began = time.monotonic()
    answer = webhook_of(session.settings).post(TEST, "run it again later")
    if answer.error:
        raise ReelmillError(answer.error)
    say(f"The webhook has taken the test message, in {seconds_text(time.monotonic() - began)}.")


def state_of(alert: Alert, has_receiver: bool) -> str:
    """Return ``sent``, ``given up``, ``waiting``, or ``kept``: without a receiver, or older than it."""
    if alert.sent_at is not None:
        return "sent"
    if alert.given_up_at is not None:
        return "given up" if alert.tries else "kept"
    return "waiting" if has_receiver else "kept"


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
