"""Where a sweep looks, and how it goes about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.bucket import Bucket
from adapters.catalogue import Catalogue, VariantRow
from manifests.states import State
from tasks.runtime.resources import Resources, bucket_of, catalogue_of
from tasks.sweep.report import Notes

HOUR_S = 3600.0
GRACE_S = 24 * HOUR_S
"""Age below which nothing is touched that may be somebody's work in progress."""
KEEP_S = 30 * 24 * HOUR_S
"""Age after which the master of a clip goes that is published, rejected or withdrawn."""
FEW = 16
MOST_SAMPLE = 10_000
"""Credentials that a sweep verifies at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, with the campaigns that publish there."""

    resources: Resources
    campaigns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a sweep goes about it.

    Attributes:
        dry_run: tell, and change nothing.
        sample: how many credentials are verified again.
        grace_s, keep_s: see GRACE_S and KEEP_S.
        many: take away unknown files however many they are.
        review_url: where people reach the dashboard, for links in alerts; empty where nowhere.
    """

    dry_run: bool = False
    sample: int = 20
    grace_s: float = GRACE_S
    keep_s: float = KEEP_S
    many: bool = False
    review_url: str = ""

    def allows(self, unknown: int, known: int) -> bool:
        """True where so many unknown files may be taken away.

        A tenth and more of what is known looks like another catalogue's files, or like a catalogue that was put
        back from an old backup: a person decides.
        """
        return self.many or unknown <= max(FEW, known // 10)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep under way.

    Attributes:
        damaged: variants whose published files are not in order: their masters stay.
        unseen: campaigns whose bucket could not be compared.
    """

    resources: Resources
    places: Sequence[Place]
    terms: Terms
    notes: Notes = field(default_factory=Notes)
    damaged: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that all places share."""
        return catalogue_of(self.resources)

    @property
    def campaigns(self) -> frozenset[str]:
        """Every campaign."""
        return frozenset().union(*(place.campaigns for place in self.places))

    def is_published(self, row: VariantRow) -> bool:
        """True where the clip was not withdrawn meanwhile."""
        return self.catalogue.variants.states([row.variant_id]).get(row.variant_id) == State.PUBLISHED

    def place_of(self, row: VariantRow) -> Place | None:
        """Return where a signed clip lies; None where no campaign here has published it."""
        name = row.signed.campaign_id if row.signed else ""
        return next((place for place in self.places if name in place.campaigns), None)


def bucket_at(place: Place) -> Bucket:
    """Return a place's bucket."""
    return bucket_of(place.resources)
