"""The catalogue: campaigns, variants, their states, leases and events."""

from adapters.catalogue.catalogue import Catalogue, open_catalogue
from adapters.catalogue.core.rows import CampaignRow, Event, Lease, Membership, SignedFacts, VariantRow, Waiting
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.messages.alerts import Alert
from adapters.catalogue.messages.sheet_imports import SheetImport
from adapters.catalogue.review.reviews import REVIEW_CODES, Comment, Decided, ReviewRow
from adapters.catalogue.views.gallery import Filter, GalleryPage, GalleryRow
from adapters.catalogue.work.runs import GO, RunRow, Turn
from manifests.states import MOVES, STATES

__all__ = [
    "GO",
    "MOVES",
    "REVIEW_CODES",
    "STATES",
    "SYSTEM",
    "Alert",
    "CampaignRow",
    "Catalogue",
    "Comment",
    "Decided",
    "Event",
    "Filter",
    "GalleryPage",
    "GalleryRow",
    "Lease",
    "Membership",
    "ReviewRow",
    "RunRow",
    "SheetImport",
    "SignedFacts",
    "Turn",
    "VariantRow",
    "Waiting",
    "open_catalogue",
]
