"""Metrics for Prometheus: few series, fast with a million clips, and free of secrets."""

import os
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from adapters.catalogue import Catalogue
from adapters.catalogue.views.metrics import CatalogueMetrics
from app.dashboard.auth.roles import Person
from app.dashboard.capacity.route import LimitedRoute
from app.dashboard.capacity.work import Work, does
from app.dashboard.deps import Deps, PageDeps
from manifests.costs.device_use import UseTotal

router = APIRouter(tags=["metrics"], route_class=LimitedRoute)
MAX_CAMPAIGNS = 50
"""Number of campaigns with separate series: campaigns with live runs first, then the newest."""


SCRAPE_BUDGET_S = 4.0
"""After this time a scrape counts no more campaigns; Prometheus waits 10 s, and the next scrape continues."""
ACCESS_DENIED = (
    "Metrics need authentication from other machines or behind a proxy. Sign in, or send the header "
    "Authorization: Bearer with the value of REELMILL_METRICS_TOKEN."
)


def may_read(request: Request, deps: Deps) -> bool:
    """Return True for the token, a signed-in person, or a request from this machine without a proxy in front.

    Behind a proxy on the same machine every request comes from loopback.
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
@does(Work.REPORTS)
def metrics(request: Request, deps: PageDeps) -> Response:
    """Return all metrics in Prometheus's text format; expensive counts are cached."""
    if not may_read(request, deps):
        return PlainTextResponse(ACCESS_DENIED, 401, {"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CatalogueCollector(deps))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class CatalogueCollector:
    """Prometheus collector that reads the catalogue."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        catalogue, remembered = self._deps.catalogue, self._deps.stats_cache
        has_receiver = self._deps.session.settings.alert_webhook is not None
        yield from catalogue_metrics(remembered.get("snapshot", catalogue.metrics.snapshot), has_receiver)
        yield _labelled_gauge(
            "reelmill_clips",
            "Clips by state, in the whole catalogue.",
            "state",
            remembered.get("all states", catalogue.metrics.all_states),
        )
        yield _labelled_gauge(
            "reelmill_deliverables",
            "Deliverables by state, in the whole catalogue.",
            "state",
            remembered.get("all deliverables", catalogue.deliverables.counts),
        )
        yield self._campaigns()
        yield device_use_metric(remembered.get("device use", catalogue.device_use.of_all))
        yield _labelled_gauge(
            "reelmill_runs_live",
            "Live runs by pool.",
            "pool",
            Counter(run.pool for run in catalogue.runs.live()),
        )
        resources = self._deps.session.resources
        yield _gauge(
            "reelmill_staged_bytes",
            "Bytes in this machine's staging folder.",
            remembered.get("staged", lambda: staged_bytes(resources.staging)),
        )

    def _campaigns(self) -> Metric:
        family = GaugeMetricFamily(
            "reelmill_campaign_clips",
            f"Clips by state, for up to {MAX_CAMPAIGNS} campaigns: those with live runs, then the newest.",
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


def catalogue_metrics(snapshot: CatalogueMetrics, has_receiver: bool) -> Iterator[Metric]:
    """Yield the metrics of the catalogue's small tables and newest events.

    Args:
        has_receiver: True if a webhook is configured; without one alerts count as kept, not as waiting.
    """
    yield _labelled_gauge("reelmill_campaigns", "Campaigns by status.", "standing", snapshot.campaigns)
    yield _labelled_gauge("reelmill_arrivals", "Watched sheets by state.", "state", snapshot.arrivals)
    runs = {outcome or "working": number for outcome, number in snapshot.outcomes.items()}
    yield _labelled_gauge("reelmill_runs", "All runs by outcome.", "outcome", runs)
    spent = CounterMetricFamily("reelmill_device_seconds", "Device seconds used by runs.")
    spent.add_metric([], snapshot.spent_s)
    yield spent
    yield _gauge("reelmill_leases", "Clips leased by a worker.", snapshot.leases)
    yield _gauge(
        "reelmill_leases_expired", "Clips with an expired lease that no worker has leased again.", snapshot.expired
    )
    yield _labelled_gauge(
        "reelmill_alerts",
        "Unsent alerts by state.",
        "state",
        {
            "waiting": snapshot.alerts_waiting if has_receiver else 0,
            "given_up": snapshot.alerts_given_up,
            "kept": snapshot.alerts_kept + (0 if has_receiver else snapshot.alerts_waiting),
        },
    )
    recent = snapshot.recent._asdict()
    yield _labelled_gauge("reelmill_lately", "Clips of the last five minutes by outcome.", "outcome", recent)


def device_use_metric(uses: Iterable[UseTotal]) -> Metric:
    """Return the device seconds of the whole catalogue by kind of use and by device, summed over the models."""
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for use in uses:
        seconds[use.kind, use.device_kind] += use.seconds
    family = CounterMetricFamily(
        "reelmill_device_use_seconds", "Device seconds by device and kind of work.", labels=["kind", "device"]
    )
    for labels, number in seconds.items():
        family.add_metric(list(labels), number)
    return family


def tracked_campaigns(catalogue: Catalogue) -> list[str]:
    """Return the campaigns with separate series: those with live runs, then the newest."""
    worked_on = [run.campaign_id for run in catalogue.runs.live()]
    newest = [row.campaign_id for row in catalogue.campaigns.all()]
    return list(dict.fromkeys([*worked_on, *newest]))[:MAX_CAMPAIGNS]


def staged_bytes(folder: Path) -> int:
    """Return the total size of all files under a folder; files deleted meanwhile are ignored."""
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
