"""The catalogue: campaigns, variants, their states, leases and events."""

from adapters.catalogue.catalogue import Catalogue, open_catalogue
from adapters.catalogue.rows import CampaignRow, Event, Lease, Membership, SignedFacts, VariantRow, Waiting
from adapters.catalogue.states import MOVES, STATES
from adapters.catalogue.store import SYSTEM

__all__ = ["MOVES", "STATES", "SYSTEM", "CampaignRow", "Catalogue", "Event", "Lease", "Membership",
           "SignedFacts", "VariantRow", "Waiting", "open_catalogue"]
