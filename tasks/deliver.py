"""Bring what has passed to the bucket: approve by policy, sign, publish, while rendering goes on."""

import threading
from collections import defaultdict

from adapters.catalogue import SYSTEM, Catalogue, Lease
from adapters.signer import Signer
from manifests.errors import KeyTaken, ReelmillError
from tasks.heartbeat import heartbeat
from tasks.owner import current_owner
from tasks.publish import is_in_bucket, is_staged, publish_clip
from tasks.sign import Asked, sign_clip
from tasks.stop import stopping
from tasks.wiring import Wiring, catalogue_of, signer_of

POLL_S = 0.3
LEASED_AT_ONCE = 8


def deliver(wiring: Wiring, campaign_id: str, review: str, rendered: threading.Event) -> int:
    """Sign and publish the campaign's approved clips until rendering has ended and none is left.

    Args:
        review: ``auto`` approves what passed; ``required`` leaves that to people.
        rendered: set when no more clips will come.

    Returns:
        How many clips this call published.

    Raises:
        CredentialError: signing does not work; the clips stay approved.
        BucketError: the bucket does not take them; they stay signed, and a later run goes on.
    """
    catalogue = catalogue_of(wiring)
    with signer_of(wiring) as signer, heartbeat(catalogue, wiring.lease_s):
        courier = Courier(wiring, catalogue, signer, campaign_id)
        while True:
            if stopping.is_set():
                return courier.published
            is_last = rendered.is_set()
            if review == "auto":
                catalogue.approve([row.variant_id for row in catalogue.variants(campaign_id, ["passed"])], SYSTEM)
            if courier.deliver_some():
                continue
            if is_last:
                return courier.published
            rendered.wait(POLL_S)


class Courier:
    """Signs and publishes one campaign's clips; ``published`` counts them."""

    def __init__(self, wiring: Wiring, catalogue: Catalogue, signer: Signer, campaign_id: str) -> None:
        self._wiring = wiring
        self._catalogue = catalogue
        self._signer = signer
        self._campaign_id = campaign_id
        self.published = 0

    def deliver_some(self) -> bool:
        """Take a few free clips through; False where there was none to take."""
        leases = self._catalogue.lease(
            self._free(), current_owner(), self._wiring.lease_s,
            states=("approved", "signing"), attempts_cap=self._wiring.attempts,
        )
        asked = self._asked(leases)
        try:
            for lease in leases:
                if stopping.is_set():
                    break
                self._deliver(lease, asked[lease.variant_id])
        finally:
            self._catalogue.release(leases)
        return bool(leases)

    def _free(self) -> list[str]:
        """Return a few ids that nobody holds; else all that are held, since a lease may have expired."""
        rows = self._catalogue.variants(self._campaign_id, ["approved", "signing"])
        free = [row.variant_id for row in rows if row.lease_owner is None]
        return free[:LEASED_AT_ONCE] or [row.variant_id for row in rows]

    def _asked(self, leases: list[Lease]) -> dict[str, Asked]:
        if not leases:
            return {}
        briefs: defaultdict[str, dict[str, None]] = defaultdict(dict)
        placements: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for member in self._catalogue.memberships(self._campaign_id):
            briefs[member.variant_id][member.brief_id] = None
            placements[member.variant_id][member.placement] = None
        return {lease.variant_id: Asked(self._campaign_id, tuple(briefs[lease.variant_id]),
                                        tuple(placements[lease.variant_id])) for lease in leases}

    def _deliver(self, lease: Lease, asked: Asked) -> None:
        try:
            facts = lease.row.signed if lease.state == "signing" else None
            if facts is None or not (is_staged(self._wiring, lease, facts) or is_in_bucket(self._wiring, lease, facts)):
                facts = sign_clip(self._wiring, self._signer, lease, asked)
            if facts is not None:
                publish_clip(self._wiring, lease, facts)
                self.published += 1
        except KeyTaken as error:
            self._catalogue.quarantine([lease.variant_id], str(error))
        except (ReelmillError, OSError):
            # Whoever took over has published and cleared the staged files from under this one.
            if self._holds(lease):
                raise

    def _holds(self, lease: Lease) -> bool:
        row = self._catalogue.variant(lease.variant_id)
        return (row.lease_owner, row.attempt) == (lease.owner, lease.attempt)
