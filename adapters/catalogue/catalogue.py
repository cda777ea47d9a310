"""The only place where a variant's state changes."""

from adapters.catalogue.accounts.accounts import People
from adapters.catalogue.core.engine import build_engine
from adapters.catalogue.core.schema import bring_to_head
from adapters.catalogue.messages.outbox import Outbox
from adapters.catalogue.messages.sheet_imports import Arrivals
from adapters.catalogue.review.audit import Audit
from adapters.catalogue.review.decisions import Decisions
from adapters.catalogue.review.labels import Labels
from adapters.catalogue.review.reviews import Reviews
from adapters.catalogue.views.existing_footage import Holdings
from adapters.catalogue.views.gallery import Gallery
from adapters.catalogue.views.gauges import Gauges
from adapters.catalogue.views.overview import Overview
from adapters.catalogue.views.reader import Reader
from adapters.catalogue.work.leases import Leasing
from adapters.catalogue.work.planning import Planning
from adapters.catalogue.work.runs import Runs
from adapters.catalogue.work.steering import Steering
from adapters.catalogue.work.sweeping import Sweeping
from adapters.catalogue.work.transitions import Transitions


class Catalogue(
    Reader,
    Planning,
    Leasing,
    Transitions,
    Decisions,
    Reviews,
    Gallery,
    Audit,
    People,
    Overview,
    Labels,
    Steering,
    Runs,
    Outbox,
    Arrivals,
    Gauges,
    Holdings,
    Sweeping,
):
    """A campaign database, SQLite or PostgreSQL; threads may share one, processes open their own.

    Every method may raise CatalogueUnreachableError (no answer, or locked for too long) and DiskFullError.
    """


def open_catalogue(url: str, *, patience: float = 30.0) -> Catalogue:
    """Open a catalogue, creating it or bringing it to the tables of this version.

    Args:
        url: ``sqlite:///file`` or ``postgresql://user:password@host/database``.
        patience: seconds to wait for a lock that another process holds.

    Raises:
        NewerCatalogueError: a newer version wrote it.
        CatalogueUnreachableError: it does not answer.
        DiskFullError: no room to create it.
    """
    engine = build_engine(url, patience)
    try:
        bring_to_head(engine)
    except BaseException:
        engine.dispose()
        raise
    return Catalogue(engine)
