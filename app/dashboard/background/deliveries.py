"""Background thread that signs and publishes approved clips, and finishes their deliverables."""

import threading
import time
from collections.abc import Iterable
from math import ceil

from adapters.catalogue.work.leases import ACTIVE
from app.cli.output import sentence_of
from app.session import Session
from manifests.errors import CatalogueError
from manifests.finish.kit import FINISHING
from tasks.deliver.deliver import deliver
from tasks.deliver.staged_elsewhere import staged_elsewhere
from tasks.finish.planning import needs_finishing
from tasks.runtime.cancellation import stopping

UNDO_S = 8.0
"""Time in which an approval can be undone before the clip is signed."""
TICK_S = 0.5
SCAN_S = 20.0
RETRY_S = 60.0
"""Delay before a failed delivery is retried, for example if the bucket is unreachable."""


class Deliveries:
    """Deliver campaigns one at a time, in one thread, once the undo time of their approvals is over.

    Attributes:
        problems: error message of the last failed delivery by campaign id; removed when a delivery succeeds.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._due: set[tuple[float, str]] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.problems: dict[str, str] = {}

    def start(self) -> None:
        """Start the thread."""
        stopping.clear()
        self._ended.clear()
        self._thread = threading.Thread(target=self._work, name="deliveries", daemon=True)
        self._thread.start()

    def schedule(self, campaign_ids: Iterable[str], after_s: float = UNDO_S) -> None:
        """Schedule a delivery of these campaigns; earlier scheduled deliveries stay."""
        due = ceil(time.monotonic() + after_s)  # whole seconds, to deliver quick approvals together
        with self._lock:
            self._due |= {(due, campaign_id) for campaign_id in campaign_ids}

    def stop(self) -> None:
        """Stop after the current clip; the remaining clips stay approved and are delivered after the next start."""
        self._ended.set()
        stopping.set()
        if self._thread:
            self._thread.join(timeout=15.0)
        stopping.clear()

    def _work(self) -> None:
        scan_at = 0.0
        self._schedule_finished()
        while not self._ended.wait(TICK_S):
            if time.monotonic() >= scan_at:
                self._schedule_unattended()
                scan_at = time.monotonic() + SCAN_S
            for campaign_id in self._pop_due():
                self._deliver(campaign_id)

    def _schedule_unattended(self) -> None:
        """Schedule campaigns with approved clips, or deliverables, whose dashboard or run has ended."""
        try:
            catalogue = self._session.catalogue
            self.schedule([*catalogue.progress.left_to_deliver(), *catalogue.deliverables.campaigns_left()], 0.0)
        except CatalogueError:
            return  # retried at the next scan

    def _schedule_finished(self) -> None:
        """Schedule campaigns with finishing: a process may have been killed before it planned their deliverables."""
        try:
            rows = self._session.catalogue.campaigns.all()
        except CatalogueError:
            return  # their next run plans them
        self.schedule((row.campaign_id for row in rows if FINISHING in row.settings), 0.0)

    def _pop_due(self) -> list[str]:
        now = time.monotonic()
        with self._lock:
            due = {each for each in self._due if each[0] <= now}
            self._due -= due
        return sorted({name for _, name in due})

    def _deliver(self, campaign_id: str) -> None:
        """Deliver a campaign; an error is shown on the pages, and the delivery is retried."""
        try:
            session, campaign_id = Session.of_campaign(campaign_id)
            if session.catalogue.steering.standing(campaign_id) != ACTIVE:
                return  # approved clips wait until the campaign is resumed
            rendered = threading.Event()
            rendered.set()
            deliver(session.resources, campaign_id, session.settings.review, rendered, patient=False)
            if needs_finishing(session.catalogue, campaign_id):
                self._finish(session, campaign_id, rendered)
            self._note(campaign_id, _left_elsewhere(session, campaign_id))
        except Exception as error:  # noqa: BLE001 - the thread must survive any error
            self._note(campaign_id, sentence_of(error))

    @staticmethod
    def _finish(session: Session, campaign_id: str, published: threading.Event) -> None:
        """Make the deliverables of published clips; those that a run has leased are left to it."""
        from tasks.deliver.finished.finish_deliverables import (
            finish_deliverables,  # only campaigns with finishing need it
        )

        finish_deliverables(session.resources, campaign_id, published, patient=False)

    def _note(self, campaign_id: str, problem: str) -> None:
        """Show a problem and try again later; an empty one removes the last problem."""
        if problem:
            self.problems[campaign_id] = problem
            self.schedule([campaign_id], RETRY_S)
        else:
            self.problems.pop(campaign_id, None)


def _left_elsewhere(session: Session, campaign_id: str) -> str:
    """Return why clips of another machine are not published, unless a run is active, which may publish them."""
    if any(run.campaign_id == campaign_id for run in session.catalogue.runs.live()):
        return ""
    waiting = staged_elsewhere(session.resources, campaign_id)
    return f"{waiting.why}." if waiting else ""
