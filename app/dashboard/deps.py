"""What every page works with: the session of this process, and what runs beside the pages."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request

from adapters.catalogue import Catalogue, Filter
from adapters.catalogue.views.gallery import Count
from app.dashboard.auth.login_rate_limit import LoginRateLimit, OneTimeLinks
from app.dashboard.background.campaign_stats import StatsCache
from app.dashboard.background.deliveries import Deliveries
from app.dashboard.background.jobs import Jobs
from app.session import Session


@dataclass(frozen=True)
class Deps:
    """Opened once for the app.

    Attributes:
        links: sign-in links that work once.
        oauth: client of the OpenID provider; None where none is set.
        remembered: counts over whole campaigns, for a while.
    """

    session: Session
    tries: LoginRateLimit = field(default_factory=LoginRateLimit)
    links: OneTimeLinks = field(default_factory=OneTimeLinks)
    remembered: StatsCache = field(default_factory=StatsCache)
    oauth: Any = None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue."""
        return self.session.catalogue

    def count(self, chosen: Filter) -> Count:
        """Return how many clips a filter leaves, remembered for a moment."""
        return self.remembered.get(("count", chosen), lambda: self.catalogue.gallery.count(chosen))

    @cached_property
    def deliveries(self) -> Deliveries:
        """What signs and publishes beside the pages."""
        return Deliveries(self.session)

    @cached_property
    def jobs(self) -> Jobs:
        """What renders beside the pages."""
        return Jobs(self.session.settings.home / "jobs")


async def deps_of(request: Request) -> Deps:
    """Return the app's deps."""
    deps: Deps = request.app.state.deps
    return deps


PageDeps = Annotated[Deps, Depends(deps_of)]
