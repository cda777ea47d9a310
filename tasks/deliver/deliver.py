"""Deliver passed clips while rendering continues: approve them by policy, sign and publish."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from adapters.c2pa.signer import Signer
from adapters.catalogue import Catalogue, Lease, Membership, PendingVariant
from manifests.brief import Brief
from manifests.clip_metadata import clip_metadata
from manifests.errors import (
    CatalogueError,
    InvalidDefinitionError,
    KeyTakenError,
    ReelmillError,
    UntrustedCredentialError,
)
from manifests.states import UNDELIVERED, State
from tasks.alerts import alerts
from tasks.deliver.anchors import anchor_if_due, check_newest_anchor
from tasks.deliver.publish import is_in_bucket, is_staged, publish_clip
from tasks.deliver.sign import ClipOrigin, sign_clip
from tasks.deliver.signing_clock import SigningClock, signing_clock_of
from tasks.plan.licence import clearances_of, unattested_cards
from tasks.runtime.cancellation import stopping
from tasks.runtime.files.shared_staging import SHARED
from tasks.runtime.heartbeat import heartbeat
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.logs.log_context import scope
from tasks.runtime.resources import Resources, catalogue_of, signer_of

POLL_S = 0.3
LEASED_AT_ONCE = 8
MISPLACED = (
    "its place in this campaign was written outside Reelmill (if the clip belongs to the campaign, run the sheet again)"
)


def deliver(
    resources: Resources, campaign_id: str, review: str, rendered: threading.Event, *, patient: bool = True
) -> int:
    """Sign and publish the campaign's approved clips until rendering has ended and none is left.

    Args:
        review: ``auto`` approves passed clips; ``required`` leaves the decision to people.
        rendered: set once no more clips will be rendered.
        patient: at the end, wait for clips that other workers have leased, in case the leases expire.

    Returns:
        The number of clips that this call published.

    Raises:
        CatalogueError: this process does not have the audit key, so it cannot check approvals; or places of clips, or
            entries of the audit log, were deleted.
        CredentialError: signing failed, or the clock is wrong; the clips stay approved.
        BucketError: the upload failed; the clips stay signed, and a later run resumes.
    """
    catalogue, clock = catalogue_of(resources), signing_clock_of(resources)
    catalogue.audit.check_key()
    clock.check()  # before the development CA creates or renews a certificate
    with signer_of(resources) as signer, heartbeat(catalogue, resources.lease_s):
        check_newest_anchor(resources, signer)
        delivery = Delivery(resources, catalogue, signer, clock, campaign_id)
        waited_s = 0.0
        while not stopping.is_set():
            is_last = rendered.is_set()
            if review == "auto":
                delivery.approve_passed()
            if delivery.deliver_some():
                continue
            if is_last and (not patient or waited_s >= resources.lease_s + POLL_S or not delivery.others_have_leases()):
                break
            waited_s += POLL_S if is_last else 0.0
            rendered.wait(POLL_S) if not is_last else time.sleep(POLL_S)
        anchor_if_due(resources, signer)
        delivery.raise_first_failure()
        return delivery.published


class Delivery:
    """Signs and publishes one campaign's clips.

    Attributes:
        published: number of clips published so far.
    """

    def __init__(
        self, resources: Resources, catalogue: Catalogue, signer: Signer, clock: SigningClock, campaign_id: str
    ) -> None:
        self._resources = resources
        self._catalogue = catalogue
        self._signer = signer
        self._clock = clock
        self._certificates = signer.validity()
        self._campaign_id = campaign_id
        self._clearances = clearances_of(resources)
        self._unattested = unattested_cards(resources)
        self._failures: dict[str, Exception] = {}
        self._unprovable: CatalogueError | None = None
        self._backlog: deque[str] = deque()
        self._sent: set[str] = set()
        self.published = 0
        self._catalogue.approval_proofs.read_log_again()

    def approve_passed(self) -> None:
        """Approve passed clips, except those for which another campaign requires review."""
        passed = {row.variant_id for row in self._catalogue.variants.waiting(self._campaign_id, [State.PASSED])}
        if not passed or self._unprovable:
            return
        chosen = passed - self._catalogue.variants.held_for_review(self._campaign_id)
        refused = {**self._catalogue.approval_proofs.unapprovable(chosen), **self._misplaced(chosen)}
        self._refuse(refused)
        try:
            reviewed = self._catalogue.places_proofs.awaiting_review(chosen - refused.keys())
        except CatalogueError as error:
            self._unprovable = error  # clips that people have approved are delivered
        else:
            self._catalogue.decisions.approve(chosen - refused.keys() - reviewed)

    def others_have_leases(self) -> bool:
        """Return whether another worker has leased clips of this campaign."""
        return any(row.lease_owner for row in self._ready())

    def raise_first_failure(self) -> None:
        """Raise the first error, after all other clips are delivered."""
        if self._unprovable:
            raise self._unprovable
        for failure in self._failures.values():
            raise failure

    def deliver_some(self) -> bool:
        """Deliver a few available clips; return False if there were none."""
        leases = self._lease_some()
        try:
            proven = self._proven(leases)
            origins = self._origins(proven)
            for lease in proven:
                if stopping.is_set():
                    break
                if lease.variant_id not in origins:
                    continue  # its place was changed in the meantime
                with scope(variant_id=lease.variant_id, brief_id=",".join(origins[lease.variant_id].brief_ids)):
                    self._deliver(lease, origins[lease.variant_id])
        finally:
            self._catalogue.leases.release([lease for lease in leases if lease.variant_id not in self._sent])
        return bool(leases)

    def _proven(self, leases: list[Lease]) -> list[Lease]:
        """Return the clips with a proven approval and place; the others are quarantined."""
        misplaced = self._misplaced(lease.variant_id for lease in leases)
        unproven = {**misplaced, **self._catalogue.approval_proofs.unproven(leases)}
        for lease in leases:
            if lease.row.unreadable:
                unproven[lease.variant_id] = f"its {' and '.join(lease.row.unreadable)} in the catalogue cannot be read"
        self._refuse(unproven)
        return [lease for lease in leases if lease.variant_id not in unproven]

    def _misplaced(self, variant_ids: Iterable[str]) -> dict[str, str]:
        """Return, by variant, why a clip does not belong to this campaign."""
        return dict.fromkeys(self._catalogue.campaigns.misplaced(self._campaign_id, variant_ids), MISPLACED)

    def _refuse(self, unproven: Mapping[str, str]) -> None:
        """Quarantine clips whose approval is not proven, and alert; other clips are delivered."""
        reasons = {
            variant_id: f"It was not published, because its approval is not proven: {problem}. Run "
            f"`reelmill retry {self._campaign_id} --failed` to generate it again, then review it."
            for variant_id, problem in unproven.items()
        }
        self._catalogue.decisions.quarantine_unproven(unproven, reasons)
        if unproven:
            alerts.approval_unproven(self._catalogue, self._campaign_id, unproven)

    def _lease_some(self) -> list[Lease]:
        """Lease a few clips: those without a lease, or else leased ones, since a lease may have expired.

        The catalogue is queried again only when the backlog of the last query is used up.
        """
        fresh = False
        while not fresh:
            if fresh := not self._backlog:
                rows = self._ready()
                free = [row.variant_id for row in rows if row.lease_owner is None]
                self._backlog.extend(free or [row.variant_id for row in rows])
            while self._backlog:
                some = [self._backlog.popleft() for _ in range(min(LEASED_AT_ONCE, len(self._backlog)))]
                if leases := self._catalogue.leases.acquire(
                    some,
                    current_owner(),
                    self._resources.lease_s,
                    states=UNDELIVERED,
                    attempts_cap=self._resources.attempts,
                    campaign_id=self._campaign_id,
                ):
                    return leases
        return []

    def _ready(self) -> list[PendingVariant]:
        """Return the clips that this machine can deliver.

        Clips staged on another machine are delivered there; clips that need an attestation wait for the operator.
        """
        rows = self._catalogue.variants.waiting(self._campaign_id, UNDELIVERED)
        return [
            row
            for row in rows
            if row.variant_id not in self._failures
            and row.machine in (None, self._resources.machine, SHARED)
            and row.card not in self._unattested
        ]

    def _origins(self, leases: list[Lease]) -> dict[str, ClipOrigin]:
        if not leases:
            return {}
        places: defaultdict[str, list[Membership]] = defaultdict(list)
        members = self._catalogue.campaigns.memberships(
            self._campaign_id, [lease.variant_id for lease in leases], genuine=True
        )
        for member in members:
            places[member.variant_id].append(member)
        brief_ids = {member.brief_id for member in members}
        briefs = {brief.brief_id: brief for brief in self._catalogue.campaigns.briefs(self._campaign_id, brief_ids)}
        return {
            lease.variant_id: self._origin(places[lease.variant_id], briefs)
            for lease in leases
            if lease.variant_id in places
        }

    def _origin(self, members: Sequence[Membership], briefs: Mapping[str, Brief]) -> ClipOrigin:
        return ClipOrigin(
            self._campaign_id,
            tuple(dict.fromkeys(member.brief_id for member in members)),
            tuple(dict.fromkeys(member.placement for member in members)),
            clip_metadata((briefs[member.brief_id], member.labels) for member in members),
        )

    def _deliver(self, lease: Lease, origin: ClipOrigin) -> None:
        try:
            facts = lease.row.signed if lease.state == State.SIGNING else None
            clearance = self._clearances.get(lease.variant.card)
            if facts and clearance and not clearance.covers(facts.attestation):
                facts = None  # signed under terms that have changed since
            if facts is None or not (
                is_staged(self._resources, lease, facts) or is_in_bucket(self._resources, lease, facts)
            ):
                self._clock.check(self._certificates)  # again for each clip: a clock can be set during a long run
                facts = sign_clip(self._resources, self._signer, lease, origin)
            if facts is not None:
                publish_clip(self._resources, lease, facts)
                self._sent.add(lease.variant_id)
                self.published += 1
        except KeyTakenError as error:
            self._catalogue.decisions.quarantine([lease.variant_id], str(error))
        except (InvalidDefinitionError, UntrustedCredentialError, ValueError) as error:
            # Probably specific to this clip: it must not block the others.
            if self._has_lease(lease):
                self._failures[lease.variant_id] = error
        except (ReelmillError, OSError):
            # If the lease is lost, another worker has published the clip and deleted its staged files.
            if self._has_lease(lease):
                raise

    def _has_lease(self, lease: Lease) -> bool:
        row = self._catalogue.variants.get(lease.variant_id)
        return (row.lease_owner, row.attempt) == (lease.owner, lease.attempt)
