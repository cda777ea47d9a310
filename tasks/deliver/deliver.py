"""Bring what has passed to the bucket: approve by policy, sign, publish, while rendering goes on."""

import threading
import time
from collections import defaultdict, deque

from adapters.c2pa.signer import Signer
from adapters.catalogue import SYSTEM, Catalogue, Lease, Waiting
from manifests.errors import InvalidDefinitionError, KeyTakenError, ReelmillError, UntrustedCredentialError
from manifests.states import UNDELIVERED, State
from tasks.deliver.publish import is_in_bucket, is_staged, publish_clip
from tasks.deliver.sign import Asked, sign_clip
from tasks.plan.licence import clearances_of, held_cards
from tasks.runtime.cancellation import stopping
from tasks.runtime.heartbeat import heartbeat
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.log_context import scope
from tasks.runtime.resources import Resources, catalogue_of, signer_of
from tasks.runtime.shared_staging import SHARED

POLL_S = 0.3
LEASED_AT_ONCE = 8


def deliver(
    resources: Resources, campaign_id: str, review: str, rendered: threading.Event, *, patient: bool = True
) -> int:
    """Sign and publish the campaign's approved clips until rendering has ended and none is left.

    Args:
        review: ``auto`` approves what passed; ``required`` leaves that to people.
        rendered: set when no more clips will come.
        patient: at the end, wait for what other workers hold: their leases may expire.

    Returns:
        How many clips this call published.

    Raises:
        CredentialError: signing does not work; the clips stay approved.
        BucketError: the bucket does not take them; they stay signed, and a later run goes on.
    """
    catalogue = catalogue_of(resources)
    with signer_of(resources) as signer, heartbeat(catalogue, resources.lease_s):
        courier = Delivery(resources, catalogue, signer, campaign_id)
        patience = 0.0
        while not stopping.is_set():
            is_last = rendered.is_set()
            if review == "auto":
                courier.approve_passed()
            if courier.deliver_some():
                continue
            if is_last and (not patient or patience >= resources.lease_s + POLL_S or not courier.others_hold_some()):
                break
            patience += POLL_S if is_last else 0.0
            rendered.wait(POLL_S) if not is_last else time.sleep(POLL_S)
        courier.raise_first_failure()
        return courier.published


class Delivery:
    """Signs and publishes one campaign's clips; ``published`` counts them."""

    def __init__(self, resources: Resources, catalogue: Catalogue, signer: Signer, campaign_id: str) -> None:
        self._resources = resources
        self._catalogue = catalogue
        self._signer = signer
        self._campaign_id = campaign_id
        self._clearances = clearances_of(resources)
        self._held = held_cards(resources)
        self._failures: dict[str, Exception] = {}
        self._backlog: deque[str] = deque()
        self._sent: set[str] = set()
        self.published = 0

    def approve_passed(self) -> None:
        """Approve what passed, unless another campaign that shares the clip waits for a person."""
        passed = {row.variant_id for row in self._catalogue.variants.waiting(self._campaign_id, [State.PASSED])}
        if passed:
            self._catalogue.decisions.approve(passed - self._catalogue.variants.held_for_review(self._campaign_id))

    def others_hold_some(self) -> bool:
        """True where another worker has clips of this campaign: it delivers them, or its lease expires."""
        return any(row.lease_owner for row in self._ready())

    def raise_first_failure(self) -> None:
        """Raise what was wrong with single clips, now that all others are through."""
        for failure in self._failures.values():
            raise failure

    def deliver_some(self) -> bool:
        """Take a few free clips through; False where there was none to take."""
        leases = self._take()
        asked = self._asked(leases)
        try:
            for lease in leases:
                if stopping.is_set():
                    break
                with scope(variant_id=lease.variant_id, brief_id=",".join(asked[lease.variant_id].brief_ids)):
                    self._deliver(lease, asked[lease.variant_id])
        finally:
            self._catalogue.leases.release([lease for lease in leases if lease.variant_id not in self._sent])
        return bool(leases)

    def _take(self) -> list[Lease]:
        """Lease a few that nobody holds; else what is held, since a lease may have expired.

        The catalogue is asked what waits only when all of its last answer was taken: each answer is read once.
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

    def _ready(self) -> list[Waiting]:
        """Return what waits here; clips that lie on another machine are that machine's to deliver.

        What the model's licence holds back waits for the operator, not for this.
        """
        rows = self._catalogue.variants.waiting(self._campaign_id, UNDELIVERED)
        return [
            row
            for row in rows
            if row.variant_id not in self._failures
            and row.machine in (None, self._resources.machine, SHARED)
            and row.card not in self._held
        ]

    def _asked(self, leases: list[Lease]) -> dict[str, Asked]:
        if not leases:
            return {}
        briefs: defaultdict[str, dict[str, None]] = defaultdict(dict)
        placements: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for member in self._catalogue.campaigns.memberships(self._campaign_id, [lease.variant_id for lease in leases]):
            briefs[member.variant_id][member.brief_id] = None
            placements[member.variant_id][member.placement] = None
        return {
            lease.variant_id: Asked(
                self._campaign_id, tuple(briefs[lease.variant_id]), tuple(placements[lease.variant_id])
            )
            for lease in leases
        }

    def _deliver(self, lease: Lease, asked: Asked) -> None:
        try:
            facts = lease.row.signed if lease.state == State.SIGNING else None
            clearance = self._clearances.get(lease.variant.card)
            if facts and clearance and not clearance.covers(facts.attestation):
                facts = None  # signed under other terms than those of today
            if facts is None or not (
                is_staged(self._resources, lease, facts) or is_in_bucket(self._resources, lease, facts)
            ):
                facts = sign_clip(self._resources, self._signer, lease, asked)
            if facts is not None:
                publish_clip(self._resources, lease, facts)
                self._sent.add(lease.variant_id)
                self.published += 1
        except KeyTakenError as error:
            self._catalogue.decisions.quarantine([lease.variant_id], str(error))
        except (InvalidDefinitionError, UntrustedCredentialError, ValueError) as error:
            # Wrong with this clip alone, as far as one can see: the others must not wait behind it.
            if self._holds(lease):
                self._failures[lease.variant_id] = error
        except (ReelmillError, OSError):
            # Whoever took over has published and cleared the staged files from under this one.
            if self._holds(lease):
                raise

    def _holds(self, lease: Lease) -> bool:
        row = self._catalogue.variants.get(lease.variant_id)
        return (row.lease_owner, row.attempt) == (lease.owner, lease.attempt)
