"""Finish, sign and publish the deliverables of a campaign while its clips are being published."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from adapters.c2pa.signer import Signer
from adapters.catalogue import Catalogue, DeliverableLease
from manifests.errors import (
    EncodingError,
    FinishError,
    InvalidDefinitionError,
    KeyTakenError,
    LicenceNotAttestedError,
    LostLeaseError,
    UntrustedCredentialError,
)
from manifests.finish.deliverable import DeliverableState, FinishedFile
from manifests.finish.spec import DeliverableSpec
from tasks.deliver.finished.publish_deliverable import can_publish, publish_deliverable
from tasks.deliver.finished.sign_finished import Sign, sign_finished
from tasks.deliver.sign_deliverable import sign_deliverable
from tasks.deliver.signing_clock import SigningClock, signing_clock_of
from tasks.finish.files.masters import forget_old_masters
from tasks.finish.finish import FindAsset, Finishing, Make, release_dead_deliverables
from tasks.finish.make import make as make_file
from tasks.finish.planning import Planning
from tasks.plan.licence import unattested_sound
from tasks.runtime.cancellation import stopping
from tasks.runtime.heartbeat import heartbeat
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.providers.speech import sound_tools_of
from tasks.runtime.resources import Resources, catalogue_of, signer_of

log = logging.getLogger(__name__)
POLL_S = 0.3
OF_ONE = (EncodingError, FinishError, InvalidDefinitionError, KeyTakenError, UntrustedCredentialError, ValueError)
"""Errors of signing and publishing that concern one deliverable only, such as a master that was withdrawn meanwhile."""
STOPS = ("paused", "cancelled", "window", "ended")
"""Why a run starts no new deliverables. Its budget is of device time and money, which finishing does not need."""


def finish_deliverables(
    resources: Resources,
    campaign_id: str,
    published: threading.Event,
    *,
    run_id: str = "",
    patient: bool = True,
    make: Make | None = None,
    sign: Sign = sign_deliverable,
) -> int:
    """Plan, finish, sign and publish deliverables until no more clips will be published and none is left.

    Args:
        published: set once no more clips will be published.
        run_id: the run; nothing new is started if it is paused, cancelled or outside its time window.
        patient: at the end, wait for deliverables that other workers have leased, in case the leases expire.
        make: the first step; None for the one with the voices and the music of this machine.
        sign: the second step, for tests.

    Returns:
        The number of deliverables that this call published.

    Raises:
        CatalogueError: this process does not have the audit key, so it cannot check approvals.
        CredentialError: the signer or the clock is wrong; the deliverables stay finished.
        BucketError: the bucket does not respond; a later run resumes.
        DiskFullError: there is no room; a later run resumes.
    """
    catalogue, clock = catalogue_of(resources), signing_clock_of(resources)
    catalogue.audit.check_key()
    clock.check()
    release_dead_deliverables(catalogue)
    catalogue.approval_proofs.read_log_again()

    def may_start() -> bool:
        turn = catalogue.runs.turn(run_id)
        return not stopping.is_set() and turn.why not in STOPS

    def renew(own: Catalogue) -> None:
        own.deliverable_leases.renew(current_owner(), resources.lease_s)

    finishing = Finishing(resources, catalogue, campaign_id, make or _maker(resources), may_start)
    with signer_of(resources) as signer, heartbeat(catalogue, resources.lease_s, renew), finishing.makers:
        sender = Sender(resources, catalogue, signer, clock, finishing, sign)
        try:
            _work(resources, Planning(catalogue, campaign_id), finishing, sender, published, patient)
        finally:
            finishing.release_all()
    forget_old_masters(resources)
    return sender.published


def _maker(resources: Resources) -> Make:
    """Return the step that makes files; voices and music whose licence is not attested are refused."""
    tools = sound_tools_of(resources)

    def made(spec: DeliverableSpec, masters: Sequence[Path], find_asset: FindAsset, folder: Path) -> FinishedFile:
        for name in (spec.sound.voice and spec.sound.voice.engine, spec.sound.music and spec.sound.music.source):
            if problem := unattested_sound(resources, name or ""):
                raise LicenceNotAttestedError(problem)
        return make_file(spec, masters, find_asset, folder, tools=tools)

    return made


def _work(
    resources: Resources,
    planning: Planning,
    finishing: Finishing,
    sender: "Sender",
    published: threading.Event,
    patient: bool,
) -> None:
    waited_s = 0.0
    while not stopping.is_set():
        is_last = published.is_set()
        planning.plan(at_once=is_last)
        is_new = finishing.lease_some()
        if lease := finishing.next(POLL_S if finishing.is_busy and not is_new else 0.0):
            sender.send(lease)
        elif not finishing.is_busy and not is_new:
            if is_last and not (patient and waited_s < resources.lease_s + POLL_S and finishing.others_have_leases()):
                return
            waited_s += POLL_S if is_last else 0.0
            stopping.wait(POLL_S) if is_last else published.wait(POLL_S)


class Sender:
    """Signs and publishes finished deliverables.

    Attributes:
        published: number of deliverables published so far.
    """

    def __init__(
        self,
        resources: Resources,
        catalogue: Catalogue,
        signer: Signer,
        clock: SigningClock,
        finishing: Finishing,
        sign: Sign,
    ) -> None:
        self._resources = resources
        self._catalogue = catalogue
        self._signer = signer
        self._clock = clock
        self._certificates = signer.validity()
        self._finishing = finishing
        self._sign = sign
        self.published = 0

    def send(self, lease: DeliverableLease) -> None:
        """Sign and publish one deliverable; if something about it is wrong, it fails, and the others continue."""
        if problem := self._catalogue.deliverable_proofs.unproven([lease]).get(lease.deliverable_id):
            text = f"It was not published, because {problem}. Run `reelmill audit verify`."
            return self._finishing.fail_unproven(lease, text)
        try:
            self._send(lease)
        except OF_ONE as error:
            self._finishing.fail(lease, error)
        except LostLeaseError:
            log.info("Deliverable %s was withdrawn, or left to another worker.", lease.deliverable_id[:12])
            self._finishing.is_done_with(lease)

    def _send(self, lease: DeliverableLease) -> None:
        facts = lease.row.signed if lease.state == DeliverableState.SIGNING else None
        if facts is None or not can_publish(self._resources, lease, facts):
            if not self._finishing.is_file_here(lease):
                return self._finishing.make_again(lease)
            self._clock.check(self._certificates)
            facts = sign_finished(self._resources, self._signer, lease, self._sign)
        publish_deliverable(self._resources, replace(lease, row=replace(lease.row, signed=facts)), facts)
        self._finishing.is_done_with(lease)
        self.published += 1
