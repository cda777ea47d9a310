"""Alerts for flow runs that fail before they have a run in the catalogue, which would report its own end."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flows.runtime.alert_delivery import delivering_alerts
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from manifests.errors import ReelmillError
from tasks.alerts import alerts
from tasks.runtime.resources import catalogue_of


def flow_run_id() -> str:
    """Return the id of the current flow run; empty outside of one."""
    from prefect.runtime import flow_run  # the import takes a second

    return str(flow_run.id or "")


@contextmanager
def alerting_failures(subject: str, campaign_id: str = "", advice: str = "") -> Iterator[None]:
    """Create an alert if the block fails, and raise the error again.

    Args:
        subject: beginning of the alert, such as ``The nightly run of stock.csv``.
        campaign_id: the campaign, if there is one.
        advice: what to do after the cause is fixed.
    """
    try:
        yield
    except Exception as error:
        alert_failure(subject, error, campaign_id, advice)
        raise


def alert_failure(subject: str, error: Exception, campaign_id: str = "", advice: str = "") -> None:
    """Create the alert with the settings of this process; without a catalogue, the state of the flow run is the report.

    ``flows.prefect.ended_flow_runs`` creates the same alert if this process cannot.
    """
    with suppress(ReelmillError):
        settings = load_settings()
        catalogue = catalogue_of(resources_of(settings))
        with delivering_alerts(settings, catalogue):
            text = f"{subject} has failed: {alerts.reason_of(error)}. {advice}".strip()
            alerts.flow_run_ended(catalogue, flow_run_id(), text, campaign_id)
