"""What every page works with: the session of this process, and what runs beside the pages."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request

from adapters.catalogue import Catalogue, Filter
from adapters.catalogue.gallery import Count
from app.dashboard.deliveries import Deliveries
from app.dashboard.jobs import Jobs
from app.dashboard.standing import Remembered
from app.dashboard.tries import OnceLinks, Tries
from app.session import Session


@dataclass(frozen=True)
class Desk:
    """Opened once for the app.

    Attributes:
        links: sign-in links that work once.
        oauth: client of the OpenID provider; None where none is set.
        remembered: counts over whole campaigns, for a while.
    """

    session: Session
    tries: Tries = field(default_factory=Tries)
    links: OnceLinks = field(default_factory=OnceLinks)
    remembered: Remembered = field(default_factory=Remembered)
    oauth: Any = None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue."""
        return self.session.catalogue

    def count(self, chosen: Filter) -> Count:
        """Return how many clips a filter leaves, remembered for a moment."""
        return self.remembered.get(("count", chosen), lambda: self.catalogue.count(chosen))

    @cached_property
    def deliveries(self) -> Deliveries:
        """What signs and publishes beside the pages."""
        return Deliveries(self.session)

    @cached_property
    def jobs(self) -> Jobs:
        """What renders beside the pages."""
        return Jobs(self.session.settings.home / "jobs")


async def desk_of(request: Request) -> Desk:
    """Return the app's desk."""
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(desk_of)]
