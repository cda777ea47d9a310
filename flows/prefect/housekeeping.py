"""Regular work of the process that serves the deployments: report ended flow runs, and apply changed schedules."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import PrefectException

from flows.prefect.ended_flow_runs import report_ended_flow_runs
from flows.prefect.nights import apply_schedules
from flows.runtime.resources import resources_of
from flows.settings import Settings
from manifests.errors import ReelmillError
from tasks.runtime.resources import catalogue_of

EVERY_S = 10.0

log = logging.getLogger(__name__)


@contextmanager
def keeping_house(settings: Settings, every_s: float = EVERY_S) -> Iterator[None]:
    """Do this work in a thread during the block."""
    ended = threading.Event()
    thread = threading.Thread(target=_work, args=(settings, ended, every_s), name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _work(settings: Settings, ended: threading.Event, every_s: float) -> None:
    reported = ""
    while not ended.wait(every_s):
        try:
            keep_house(settings)
            reported = ""
        except (httpx.HTTPError, PrefectException, OSError, ReelmillError) as error:
            if reported != str(error):  # the same problem, such as a server that restarts, is logged once
                reported = str(error)
                log.warning("Schedules and ended flow runs cannot be checked at the moment: %s", error)


def keep_house(settings: Settings) -> None:
    """Report ended flow runs, and apply changed schedules, once."""
    catalogue = catalogue_of(resources_of(settings))
    report_ended_flow_runs(catalogue, settings.review_url)
    if apply_schedules(settings, catalogue):
        print("The schedules of nightly runs have changed.", flush=True)
