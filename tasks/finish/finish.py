"""Finish deliverables: lease some, make them on the CPU, and pass them on to be signed and published."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adapters.catalogue import Catalogue, DeliverableLease
from manifests.errors import (
    BucketError,
    CatalogueError,
    CatalogueUnreachableError,
    DiskFullError,
    DiskUnusableError,
    LostLeaseError,
    ReelmillError,
)
from manifests.finish.asset import Asset
from manifests.finish.deliverable import UNDELIVERED, DeliverableState, FinishedFile
from manifests.finish.spec import DeliverableSpec
from tasks.finish.files.folders import finished_folder, keep, new_folder
from tasks.finish.files.masters import fetch_masters
from tasks.finish.makers import Made, Makers
from tasks.finish.workspace import VIDEO
from tasks.runtime.files.staging import is_intact
from tasks.runtime.lease_owner import current_owner, is_dead
from tasks.runtime.resources import Resources, assets_of

log = logging.getLogger(__name__)
NOT_OF_ONE = (BucketError, CatalogueUnreachableError, DiskFullError, DiskUnusableError)
"""Errors that concern more than one deliverable: they end the step, and a later run resumes."""

FindAsset = Callable[[Asset], Path]
Make = Callable[[DeliverableSpec, Sequence[Path], FindAsset, Path], FinishedFile]
"""Makes the file of a deliverable from its masters in an empty folder; see ``tasks.finish.make``."""


def release_dead_deliverables(catalogue: Catalogue) -> int:
    """Release the deliverables that dead processes of this host have leased; return their number."""
    return sum(map(catalogue.deliverable_leases.release_owner, filter(is_dead, catalogue.deliverable_leases.owners())))


class Finishing:
    """Leases the deliverables of one campaign and makes their files.

    The lease is held until a deliverable is published: one whose lease is free was left by a process that ended. If
    its file is on another machine, it is made again here, because that is cheap and gives the same file.

    Args:
        make: makes one file.
        may_start: whether new work may be started; asked before deliverables are leased.

    Attributes:
        held: the leases of deliverables that are not published and have not failed, by id.
    """

    def __init__(
        self,
        resources: Resources,
        catalogue: Catalogue,
        campaign_id: str,
        make: Make,
        may_start: Callable[[], bool] = lambda: True,
    ) -> None:
        self._resources = resources
        self._catalogue = catalogue
        self._campaign_id = campaign_id
        self._make = make
        self._may_start = may_start
        self._backlog: deque[str] = deque()
        self._ready: deque[DeliverableLease] = deque()
        self.held: dict[str, DeliverableLease] = {}
        self.makers = Makers(self._make_one)

    @property
    def is_busy(self) -> bool:
        """Whether deliverables are being made, or wait to be signed."""
        return bool(self.makers.leases or self._ready)

    def others_have_leases(self) -> bool:
        """Return whether another worker has leased deliverables of this campaign."""
        return any(row.lease_owner for row in self._catalogue.deliverables.waiting(self._campaign_id))

    def lease_some(self) -> bool:
        """Lease as many deliverables as there is room for, and start to make them; return whether there were any."""
        leases = self._acquire() if self.makers.room and self._may_start() else []
        self.held |= {lease.deliverable_id: lease for lease in leases}
        for lease in leases:
            self._begin(lease)
        return bool(leases)

    def release_all(self) -> None:
        """Release the leases that are held, so that the next run or another host resumes their work."""
        self._catalogue.deliverable_leases.release(self.held.values())
        self.held.clear()

    def is_done_with(self, lease: DeliverableLease) -> None:
        """Forget a lease that was ended by a commit, or lost."""
        self.held.pop(lease.deliverable_id, None)

    def next(self, timeout: float) -> DeliverableLease | None:
        """Return a finished deliverable to be signed; None if there is none within the time in seconds.

        Raises:
            ReelmillError: an error that is not specific to one deliverable, such as a full disk.
        """
        if self._ready:
            return self._ready.popleft()
        made = self.makers.next(timeout)
        return self._committed(made) if made else None

    def fail(self, lease: DeliverableLease, error: BaseException) -> None:
        """Fail a deliverable for a reason that concerns only it; the others continue."""
        reason = self.named(lease, str(error) if isinstance(error, ReelmillError) else _unexpected(error))
        log.warning("%s", reason, exc_info=None if isinstance(error, ReelmillError) else error)
        try:
            self._catalogue.deliverables.fail(lease, reason)
        except LostLeaseError:
            log.info("Deliverable %s was left to another worker.", lease.deliverable_id[:12])
        self.is_done_with(lease)

    def fail_unproven(self, lease: DeliverableLease, text: str) -> None:
        """Fail a deliverable of which something was changed outside Reelmill, with a sentence about it."""
        reason = self.named(lease, text)
        log.warning("%s", reason)
        self._catalogue.deliverables.fail_unproven({lease.deliverable_id: reason})
        self.is_done_with(lease)

    def named(self, lease: DeliverableLease, text: str) -> str:
        """Return a sentence with the row, placement and locale that it is about."""
        row = lease.row
        briefs = self._catalogue.campaigns.briefs(self._campaign_id, {row.brief_id})
        number = next((f"Row {brief.row} " for brief in briefs), "")
        return f"{number}({', '.join(filter(None, (row.brief_id, row.placement, row.locale)))}): {text}"

    def _acquire(self) -> list[DeliverableLease]:
        """Lease a few deliverables; the catalogue is queried again only when the last backlog is used up."""
        if not self._backlog:
            rows = self._catalogue.deliverables.waiting(self._campaign_id, UNDELIVERED)
            free = [row.deliverable_id for row in rows if row.lease_owner is None]
            self._backlog.extend(free or [row.deliverable_id for row in rows if row.deliverable_id not in self.held])
        some = [self._backlog.popleft() for _ in range(min(self.makers.room, len(self._backlog)))]
        if not some:
            return []
        return self._catalogue.deliverable_leases.acquire(
            some,
            current_owner(),
            self._resources.lease_s,
            attempts_cap=self._resources.attempts,
            campaign_id=self._campaign_id,
        )

    def _begin(self, lease: DeliverableLease) -> None:
        """Make a deliverable, unless its file is here."""
        if lease.row.damage:
            self.fail_unproven(lease, f"It was not made, because {lease.row.damage}. Run `reelmill audit verify`.")
        elif self._is_here(lease):
            self._ready.append(lease)
        else:
            self.makers.start(lease)

    def _is_here(self, lease: DeliverableLease) -> bool:
        """Return whether nothing has to be made: keys are committed, or the finished file is on this machine."""
        row = lease.row
        if row.state == DeliverableState.PLANNED or row.file is None:
            return False
        if row.state == DeliverableState.SIGNING:
            return True  # it may be in the bucket; if not, it comes back
        return self.is_file_here(lease)

    def is_file_here(self, lease: DeliverableLease) -> bool:
        """Return whether the finished file of a deliverable is staged on this machine."""
        file = lease.row.file
        if file is None:
            return False
        folder = finished_folder(self._resources, lease.deliverable_id, file.sha256)
        return is_intact(folder / VIDEO, file.sha256)

    def make_again(self, lease: DeliverableLease) -> None:
        """Make a finished or signing deliverable again, because its files are not on this machine."""
        self.makers.start(lease)

    def _make_one(self, lease: DeliverableLease) -> FinishedFile:
        with new_folder(self._resources, lease.deliverable_id, lease.attempt) as folder:
            masters = fetch_masters(self._resources, lease.spec)
            file = self._make(lease.spec, masters, assets_of(self._resources).path, folder)
            keep(self._resources, lease.deliverable_id, folder, file.sha256)
        return file.model_copy(update={"machine": self._resources.machine})

    def _committed(self, made: Made) -> DeliverableLease | None:
        """Commit a finished file; return its lease, or None if there is nothing to sign."""
        if made.file is None:
            self._note(made)
            return None
        lease = made.lease
        try:
            if lease.state != DeliverableState.PLANNED:
                self._catalogue.deliverables.requeue(lease, "its file is not on this machine")
            self._catalogue.deliverables.mark_finished(lease, made.file)
        except LostLeaseError:
            self.is_done_with(lease)
            return None
        row = replace(lease.row, state=DeliverableState.FINISHED, file=made.file, machine=made.file.machine)
        return replace(lease, row=replace(row, signed=None))

    def _note(self, made: Made) -> None:
        error = made.error
        assert error is not None
        if isinstance(error, NOT_OF_ONE) or not isinstance(error, Exception):
            raise error
        if isinstance(error, CatalogueError):
            self.fail_unproven(made.lease, str(error))
        else:
            self.fail(made.lease, error)


def _unexpected(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return (
        f"The deliverable could not be made because of an unexpected error ({type(error).__name__}: {first}). See the "
        "log of the run, then run `reelmill retry CAMPAIGN --failed`."
    )
