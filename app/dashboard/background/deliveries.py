"""Signing and publishing of what people approve, beside the pages."""

import threading
import time
from collections.abc import Iterable
from math import ceil

from adapters.catalogue.work.leases import ACTIVE
from app.cli.output import sentence_of
from app.session import Session
from manifests.errors import CatalogueError
from tasks.deliver.deliver import deliver
from tasks.runtime.cancellation import stopping

UNDO_S = 8.0
"""For so long an approval can be taken back before the clip is signed."""
TICK_S = 0.5
LOOK_S = 20.0
AGAIN_S = 60.0
"""After a failure, such as a bucket that does not answer, it is tried again after so long."""


class Deliveries:
    """One thread; campaigns are delivered one after the other once their approvals have settled.

    Attributes:
        problems: by campaign id, why its last delivery failed; gone once one succeeds.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._due: set[tuple[float, str]] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.problems: dict[str, str] = {}

    def start(self) -> None:
        """Begin."""
        stopping.clear()
        self._ended.clear()
        self._thread = threading.Thread(target=self._work, name="deliveries", daemon=True)
        self._thread.start()

    def nudge(self, campaign_ids: Iterable[str], after_s: float = UNDO_S) -> None:
        """Deliver these campaigns once the approval of just now has settled, and what was due before then, too."""
        due = ceil(time.monotonic() + after_s)  # whole seconds, so that a quick reviewer's approvals fall together
        with self._lock:
            self._due |= {(due, campaign_id) for campaign_id in campaign_ids}

    def stop(self) -> None:
        """End after the clip in hand; what is left stays approved and is taken up by the next start."""
        self._ended.set()
        stopping.set()
        if self._thread:
            self._thread.join(timeout=15.0)
        stopping.clear()

    def _work(self) -> None:
        look_at = 0.0
        while not self._ended.wait(TICK_S):
            if time.monotonic() >= look_at:
                self._look()
                look_at = time.monotonic() + LOOK_S
            for campaign_id in self._take_due():
                self._deliver(campaign_id)

    def _look(self) -> None:
        """Take up what is approved and has nobody who delivers it: its dashboard or run has ended."""
        try:
            self.nudge(self._session.catalogue.progress.left_to_deliver(), 0.0)
        except CatalogueError:
            return  # it is looked again

    def _take_due(self) -> list[str]:
        now = time.monotonic()
        with self._lock:
            due = {each for each in self._due if each[0] <= now}
            self._due -= due
        return sorted({name for _, name in due})

    def _deliver(self, campaign_id: str) -> None:
        """Deliver; whatever goes wrong is kept for the pages, and tried again."""
        try:
            session, campaign_id = Session.of_campaign(campaign_id)
            if session.catalogue.steering.standing(campaign_id) != ACTIVE:
                return  # what is approved waits until somebody lets the campaign go on
            rendered = threading.Event()
            rendered.set()
            deliver(session.resources, campaign_id, session.settings.review, rendered, patient=False)
            self.problems.pop(campaign_id, None)
        except Exception as error:  # noqa: BLE001 - the thread must outlive every kind of trouble
            self.problems[campaign_id] = sentence_of(error)
            self.nudge([campaign_id], AGAIN_S)
