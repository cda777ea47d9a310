"""Deliverables as the catalogue returns them."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from adapters.catalogue.core.rows import DAMAGED, SignedFacts, signed_from
from manifests.errors import CatalogueError
from manifests.finish.deliverable import FinishedFile
from manifests.finish.spec import DeliverableSpec

_UNREADABLE = (*DAMAGED, ValidationError)


@dataclass(frozen=True, slots=True)
class DeliverableRow:
    """A deliverable with its state and results.

    Attributes:
        campaign_id, variant_id, brief_id, placement, locale: as in the spec.
        state: see ``manifests.finish.deliverable.DeliverableState``.
        attempt: number of leases so far; prevents a worker that lost its lease from writing.
        tries: leases since the last progress; limited by the attempts cap.
        lease_expires: seconds since 1970 by the database's clock.
        machine: id of the installation that stores its finished file; empty before it is finished.
        error: why finishing, signing or publishing failed, as sentences.
        made_at: when it was finished, in seconds since 1970; 0 before.
        stored_spec: its description; None if it was changed outside Reelmill. ``spec`` raises an error then.
        damage: what was changed outside Reelmill, as a clause; empty if nothing was.
    """

    deliverable_id: str
    campaign_id: str
    variant_id: str
    brief_id: str
    placement: str
    locale: str
    state: str
    attempt: int = 0
    tries: int = 0
    lease_owner: str | None = None
    lease_expires: float | None = None
    machine: str = ""
    file: FinishedFile | None = None
    signed: SignedFacts | None = None
    url: str | None = None
    error: str = ""
    made_at: float = 0.0
    stored_spec: DeliverableSpec | None = field(default=None, repr=False)
    damage: str = ""

    @property
    def spec(self) -> DeliverableSpec:
        """The description.

        Raises:
            CatalogueError: it was changed outside Reelmill.
        """
        if self.stored_spec is None or self.damage:
            raise CatalogueError(
                f"Deliverable {self.deliverable_id[:12]} cannot be used, because {self.damage}. Restore the database "
                "from a backup, and run `reelmill audit verify` to see what else was changed."
            )
        return self.stored_spec


@dataclass(frozen=True, slots=True)
class DeliverableLease:
    """The right to work on a deliverable until it expires; ``row`` is the deliverable when it was leased."""

    deliverable_id: str
    owner: str
    attempt: int
    row: DeliverableRow

    @property
    def spec(self) -> DeliverableSpec:
        """The description; raises CatalogueError if it was changed outside Reelmill."""
        return self.row.spec

    @property
    def state(self) -> str:
        """The state in which it was leased."""
        return self.row.state


@dataclass(frozen=True, slots=True)
class PendingDeliverable:
    """A deliverable that waits for a step; ``machine`` stores its finished file, if it has one."""

    deliverable_id: str
    state: str
    lease_owner: str | None
    machine: str


def deliverable_row(row: Any) -> DeliverableRow:
    """Return the record of a row of ``tables.deliverables``.

    The id is the hash of the description, so that a description that was changed in the database is found.
    """
    spec, damage = _spec_of(row)
    file, file_damage = _file_of(row.file)
    return DeliverableRow(
        row.deliverable_id,
        row.campaign_id,
        row.variant_id,
        row.brief_id,
        row.placement,
        row.locale,
        row.state,
        row.attempt,
        row.tries,
        row.lease_owner,
        row.lease_expires,
        row.machine,
        file,
        signed_from(row.signed),
        row.url,
        row.error,
        row.made_at,
        spec,
        damage or file_damage,
    )


def _spec_of(row: Any) -> tuple[DeliverableSpec | None, str]:
    try:
        spec = DeliverableSpec.from_json(row.body)
        if spec.deliverable_id != row.deliverable_id:
            return None, "its description was changed outside Reelmill"
        if columns_of(spec) != {name: getattr(row, name) for name in columns_of(spec)}:
            return spec, "its campaign, clip, brief, placement or locale was changed outside Reelmill"
    except _UNREADABLE:
        return None, "its description in the catalogue cannot be read"
    return spec, ""


def _file_of(text: str | None) -> tuple[FinishedFile | None, str]:
    try:
        return (FinishedFile.from_json(text) if text else None), ""
    except _UNREADABLE:
        return None, "the facts about its finished file cannot be read"


def columns_of(spec: DeliverableSpec) -> dict[str, str]:
    """Return the columns that repeat parts of the description."""
    return {
        "campaign_id": spec.campaign_id,
        "variant_id": spec.variant_id,
        "brief_id": spec.brief_id,
        "placement": spec.placement,
        "locale": spec.locale,
    }
