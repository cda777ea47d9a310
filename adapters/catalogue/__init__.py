"""The catalogue: campaigns, variants, their states, leases and events."""

from adapters.catalogue.catalogue import Catalogue, open_catalogue
from adapters.catalogue.core.deliverable_rows import DeliverableLease, DeliverableRow, PendingDeliverable
from adapters.catalogue.core.engine import catalogue_name, sqlite_path, sqlite_url
from adapters.catalogue.core.rows import CampaignRow, Event, Lease, Membership, PendingVariant, SignedFacts, VariantRow
from adapters.catalogue.core.seals import KEY_BYTES, AuditKey
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.messages.alerts import Alert
from adapters.catalogue.messages.sheet_imports import SheetImport
from adapters.catalogue.review.reviews import REVIEW_CODES, Comment, DecisionResult, ReviewRow
from adapters.catalogue.views.gallery import Filter, GalleryPage, GalleryRow
from adapters.catalogue.views.published import PublishedFile
from adapters.catalogue.work.runs import GO, RunRow, Turn
from manifests.states import STATES, TRANSITIONS

__all__ = [
    "GO",
    "KEY_BYTES",
    "REVIEW_CODES",
    "STATES",
    "SYSTEM",
    "TRANSITIONS",
    "Alert",
    "AuditKey",
    "CampaignRow",
    "Catalogue",
    "Comment",
    "DecisionResult",
    "DeliverableLease",
    "DeliverableRow",
    "Event",
    "Filter",
    "GalleryPage",
    "GalleryRow",
    "Lease",
    "Membership",
    "PendingDeliverable",
    "PendingVariant",
    "PublishedFile",
    "ReviewRow",
    "RunRow",
    "SheetImport",
    "SignedFacts",
    "Turn",
    "VariantRow",
    "catalogue_name",
    "open_catalogue",
    "sqlite_path",
    "sqlite_url",
]
