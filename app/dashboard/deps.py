"""Dependencies shared by all routes: the session, caches, limits and background services."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request

from adapters.catalogue import Catalogue, Filter
from adapters.catalogue.views.gallery import Count
from app.dashboard.auth.known_devices import KnownDevices
from app.dashboard.auth.login_rate_limit import LoginRateLimit
from app.dashboard.auth.one_time_links import OneTimeLinks
from app.dashboard.background.campaign_stats import StatsCache
from app.dashboard.background.deliveries import Deliveries
from app.dashboard.background.jobs import Jobs
from app.dashboard.capacity.downloads import Downloads
from app.dashboard.capacity.work import Work, new_limits
from app.dashboard.capacity.work_limit import WorkLimit
from app.session import Session


@dataclass(frozen=True)
class Deps:
    """Created once per app.

    Attributes:
        links: one-time sign-in links.
        stats_cache: cached counts over whole campaigns.
        limits: threads and waiting requests by kind of work.
        downloads: ZIP files that are being sent.
        files: clips and other files that are being sent.
        oauth: client of the OpenID provider, or None if no provider is configured.
    """

    session: Session
    login_limit: LoginRateLimit = field(default_factory=LoginRateLimit)
    links: OneTimeLinks = field(default_factory=OneTimeLinks)
    stats_cache: StatsCache = field(default_factory=StatsCache)
    limits: dict[Work, WorkLimit] = field(default_factory=new_limits)
    downloads: Downloads = field(default_factory=Downloads)
    files: Downloads = field(default_factory=lambda: Downloads(are_files=True))
    oauth: Any = None

    @property
    def catalogue(self) -> Catalogue:
        """The session's catalogue."""
        return self.session.catalogue

    def count(self, clip_filter: Filter) -> Count:
        """Return the number of clips that match a filter, cached for a short time."""
        return self.stats_cache.get(("count", clip_filter), lambda: self.catalogue.gallery.count(clip_filter))

    @cached_property
    def devices(self) -> KnownDevices:
        """The devices that have signed in before."""
        return KnownDevices(self.session.resources.audit_key)

    @cached_property
    def deliveries(self) -> Deliveries:
        """The background thread that signs and publishes."""
        return Deliveries(self.session)

    @cached_property
    def jobs(self) -> Jobs:
        """The child processes that generate clips."""
        return Jobs(self.session.settings.home / "jobs")


async def deps_of(request: Request) -> Deps:
    """Return the app's dependencies."""
    deps: Deps = request.app.state.deps
    return deps


PageDeps = Annotated[Deps, Depends(deps_of)]
