"""Numbers for Prometheus: few series, cheap over a million clips, and none that tells a secret."""

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from adapters.catalogue import Catalogue
from adapters.catalogue.views.metrics import Numbers
from app.dashboard.auth.roles import Person
from app.dashboard.deps import Deps, PageDeps

router = APIRouter(tags=["metrics"])
MAX_CAMPAIGNS = 50
"""Campaigns with series of their own: those that a run works on, then the newest."""


SCRAPE_BUDGET_S = 4.0
"""After so long a scrape counts no further campaign anew: Prometheus waits 10 s, and the next scrape goes on."""
ACCESS_DENIED = (
    "Metrics are read on the machine itself; from elsewhere, or behind a proxy, by "
    "Authorization: Bearer with what REELMILL_METRICS_TOKEN holds, or signed in."
)


def may_read(request: Request, deps: Deps) -> bool:
    """True for who shows the token or is signed in; and for anybody on this machine, unless a proxy stands before it.

    Behind a proxy on the same machine all the world comes from loopback.
    """
    token, public = deps.session.settings.metrics_token, deps.session.settings.review_url
    shown = request.headers.get("authorization", "").partition(" ")[2].strip()
    if token and secrets.compare_digest(shown.encode(), token.get_secret_value().encode()):
        return True
    person: Person | None = getattr(request.state, "person", None)
    on_this_machine = _is_loopback(request.client.host if request.client else "")
    return person is not None or (on_this_machine and not public and not token)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@router.get("/metrics")
def metrics(request: Request, deps: PageDeps) -> Response:
    """Respond with all numbers, in Prometheus's text format; what is dear to count is remembered for a while."""
    if not may_read(request, deps):
        return PlainTextResponse(ACCESS_DENIED, 401, {"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CatalogueCollector(deps))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class CatalogueCollector:
    """Reads the catalogue when it is collected."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        catalogue, remembered = self._deps.catalogue, self._deps.stats_cache
        has_receiver = self._deps.session.settings.alert_webhook is not None
        yield from catalogue_metrics(remembered.get("numbers", catalogue.metrics.numbers), has_receiver)
        yield _labelled_gauge(
            "reelmill_clips",
            "Clips by state, in the whole catalogue.",
            "state",
            remembered.get("all states", catalogue.metrics.all_states),
        )
        yield self._campaigns()
        yield _labelled_gauge(
            "reelmill_runs_live",
            "Runs that go on, by pool.",
            "pool",
            Counter(run.pool for run in catalogue.runs.live()),
        )
        resources = self._deps.session.resources
        yield _gauge(
            "reelmill_staged_bytes",
            "Bytes that wait in this machine's staging folder.",
            remembered.get("staged", lambda: staged_bytes(resources.staging)),
        )

    def _campaigns(self) -> Metric:
        family = GaugeMetricFamily(
            "reelmill_campaign_clips",
            f"Clips by state, of the {MAX_CAMPAIGNS} campaigns that runs work on or that are newest.",
            labels=["campaign", "state"],
        )
        began = time.monotonic()
        for campaign_id in tracked_campaigns(self._deps.catalogue):
            if time.monotonic() - began > SCRAPE_BUDGET_S:
                break
            tally = partial(self._deps.catalogue.progress.tally, campaign_id)
            for state, number in self._deps.stats_cache.get(("tally", campaign_id), tally).items():
                family.add_metric([campaign_id, state], number)
        return family


def catalogue_metrics(numbers: Numbers, has_receiver: bool) -> Iterator[Metric]:
    """Yield what one look at the catalogue's small tables and newest events tells.

    Args:
        has_receiver: alerts wait for one; without it they are only kept.
    """
    yield _labelled_gauge("reelmill_campaigns", "Campaigns by standing.", "standing", numbers.campaigns)
    yield _labelled_gauge(
        "reelmill_arrivals", "Sheets that were dropped in, by what became of them.", "state", numbers.arrivals
    )
    runs = {outcome or "working": number for outcome, number in numbers.outcomes.items()}
    yield _labelled_gauge("reelmill_runs", "Runs that ever were, by outcome.", "outcome", runs)
    spent = CounterMetricFamily("reelmill_device_seconds", "Seconds that devices worked for runs.")
    spent.add_metric([], numbers.spent_s)
    yield spent
    yield _gauge("reelmill_leases", "Clips that a worker holds.", numbers.leases)
    yield _gauge("reelmill_leases_expired", "Clips whose lease is over, and that nobody has taken up.", numbers.expired)
    yield _labelled_gauge(
        "reelmill_alerts",
        "Alerts that are not sent.",
        "state",
        {
            "waiting": numbers.alerts_waiting if has_receiver else 0,
            "given_up": numbers.alerts_given_up,
            "kept": numbers.alerts_kept + (0 if has_receiver else numbers.alerts_waiting),
        },
    )
    lately = numbers.lately._asdict()
    yield _labelled_gauge(
        "reelmill_lately", "Clips of the last five minutes, by what became of them.", "outcome", lately
    )


def tracked_campaigns(catalogue: Catalogue) -> list[str]:
    """Return the campaigns with series of their own: those that runs work on, then the newest."""
    worked_on = [run.campaign_id for run in catalogue.runs.live()]
    newest = [row.campaign_id for row in catalogue.campaigns.all()]
    return list(dict.fromkeys([*worked_on, *newest]))[:MAX_CAMPAIGNS]


def staged_bytes(folder: Path) -> int:
    """Return the bytes of all files under a folder; files that go meanwhile count nothing."""
    total, folders = 0, [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as found:
                for entry in found:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def _labelled_gauge(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
