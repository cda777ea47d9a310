"""The catalogue: campaigns, variants, their states, leases and events."""

from adapters.catalogue.arrivals import Arrival
from adapters.catalogue.catalogue import Catalogue, open_catalogue
from adapters.catalogue.decisions import Decided
from adapters.catalogue.gallery import Filter, GalleryPage, GalleryRow
from adapters.catalogue.outbox import Alert
from adapters.catalogue.reviews import REVIEW_CODES, Comment, ReviewRow
from adapters.catalogue.rows import CampaignRow, Event, Lease, Membership, SignedFacts, VariantRow, Waiting
from adapters.catalogue.runs import GO, RunRow, Turn
from adapters.catalogue.states import MOVES, STATES
from adapters.catalogue.store import SYSTEM

__all__ = ["GO", "MOVES", "REVIEW_CODES", "STATES", "SYSTEM", "Alert", "Arrival", "CampaignRow", "Catalogue", "Comment",
           "Decided", "Event", "Filter", "GalleryPage", "GalleryRow", "Lease", "Membership", "ReviewRow", "RunRow",
           "SignedFacts", "Turn", "VariantRow", "Waiting", "open_catalogue"]
