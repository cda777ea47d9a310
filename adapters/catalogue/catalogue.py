"""The only place where a variant's state changes."""

from adapters.catalogue.arrivals import Arrivals
from adapters.catalogue.audit import Audit
from adapters.catalogue.decisions import Decisions
from adapters.catalogue.engine import build_engine
from adapters.catalogue.gallery import Gallery
from adapters.catalogue.gauges import Gauges
from adapters.catalogue.holdings import Holdings
from adapters.catalogue.labels import Labels
from adapters.catalogue.leases import Leasing
from adapters.catalogue.outbox import Outbox
from adapters.catalogue.overview import Overview
from adapters.catalogue.people import People
from adapters.catalogue.planning import Planning
from adapters.catalogue.reader import Reader
from adapters.catalogue.reviews import Reviews
from adapters.catalogue.runs import Runs
from adapters.catalogue.schema import bring_to_head
from adapters.catalogue.steering import Steering
from adapters.catalogue.sweeping import Sweeping
from adapters.catalogue.transitions import Transitions


class Catalogue(
    Reader, Planning, Leasing, Transitions, Decisions, Reviews, Gallery, Audit, People, Overview, Labels,
    Steering, Runs, Outbox, Arrivals, Gauges, Holdings, Sweeping,
):
    """A campaign database, SQLite or PostgreSQL; threads may share one, processes open their own.

    Every method may raise CatalogueUnreachable (no answer, or locked for too long) and DiskFull.
    """


def open_catalogue(url: str, *, patience: float = 30.0) -> Catalogue:
    """Open a catalogue, creating it or bringing it to the tables of this version.

    Args:
        url: ``sqlite:///file`` or ``postgresql://user:password@host/database``.
        patience: seconds to wait for a lock that another process holds.

    Raises:
        NewerCatalogue: a newer version wrote it.
        CatalogueUnreachable: it does not answer.
        DiskFull: no room to create it.
    """
    engine = build_engine(url, patience)
    try:
        bring_to_head(engine)
    except BaseException:
        engine.dispose()
        raise
    return Catalogue(engine)
