"""What a sweep covers, and its options."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.bucket import Bucket
from adapters.catalogue import Catalogue, VariantRow
from manifests.states import State
from tasks.runtime.resources import Resources, bucket_of, catalogue_of
from tasks.sweep.report import Notes

HOUR_S = 3600.0
GRACE_S = 24 * HOUR_S
"""Newer files are never touched, because they may be work in progress."""
KEEP_S = 30 * 24 * HOUR_S
"""Age after which the master of a published, rejected or withdrawn clip is deleted."""
FEW = 16
MAX_SAMPLE = 10_000
"""Maximum number of credentials that a sweep verifies."""


@dataclass(frozen=True, slots=True)
class SweepTarget:
    """A bucket and the campaigns that publish to it."""

    resources: Resources
    campaigns: frozenset[str]

    @property
    def bucket(self) -> Bucket:
        """The opened bucket."""
        return bucket_of(self.resources)


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """Options of a sweep.

    Attributes:
        dry_run: report without changing anything.
        sample: number of credentials to verify again.
        grace_s, keep_s: see GRACE_S and KEEP_S.
        many: remove unknown files regardless of their number.
        review_url: URL of the dashboard for links in alerts; empty if there is none.
        max_rank_share: see Gate; for clips that are fetched.
    """

    dry_run: bool = False
    sample: int = 20
    grace_s: float = GRACE_S
    keep_s: float = KEEP_S
    many: bool = False
    review_url: str = ""
    max_rank_share: float = 0.25

    def allows(self, unknown: int, known: int) -> bool:
        """Return whether this number of unknown files may be removed.

        More than a tenth of the known files suggests that they belong to another catalogue, or that the catalogue was
        restored from an old backup. A person must decide then.
        """
        return self.many or unknown <= max(FEW, known // 10)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep in progress.

    Attributes:
        damaged: variants with damaged or missing published files; their masters are kept.
        uncompared: campaigns whose bucket could not be compared.
    """

    resources: Resources
    targets: Sequence[SweepTarget]
    options: SweepOptions
    notes: Notes = field(default_factory=Notes)
    damaged: set[str] = field(default_factory=set)
    uncompared: set[str] = field(default_factory=set)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that all targets share."""
        return catalogue_of(self.resources)

    @property
    def campaigns(self) -> frozenset[str]:
        """All campaigns."""
        return frozenset().union(*(target.campaigns for target in self.targets))

    def is_published(self, row: VariantRow) -> bool:
        """Return whether the clip is still published; it may have been withdrawn in the meantime."""
        return self.catalogue.variants.states([row.variant_id]).get(row.variant_id) == State.PUBLISHED

    def target_of(self, row: VariantRow) -> SweepTarget | None:
        """Return the target that contains a signed clip; None if no campaign of the sweep published it."""
        name = row.signed.campaign_id if row.signed else ""
        return next((target for target in self.targets if name in target.campaigns), None)
