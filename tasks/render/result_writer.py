"""Writes what became of jobs into the catalogue, many at a time, in a thread of its own."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from adapters.catalogue import Catalogue, Lease
from manifests.clip import Clip
from manifests.errors import CatalogueUnreachableError, LostLeaseError
from manifests.score import Score
from manifests.verdict import Verdict
from tasks.plan.shard import Job

MOST = 64
"""Verdicts in one transaction."""
PAUSES_S = (0.5, 2.0)


class Judged(NamedTuple):
    """A clip with its verdict."""

    job: Job
    lease: Lease
    clip: Clip
    score: Score
    verdict: Verdict


class Failed(NamedTuple):
    """A job that came to nothing; ``clip`` is what was made before that."""

    job: Job
    lease: Lease
    clip: Clip | None
    reason: str


Outcome = Judged | Failed


class ResultWriter:
    """What comes in while a transaction is under way goes into the next one together.

    Attributes:
        outcomes: how many ``passed`` and ``failed``; what another worker had taken over is in neither.
        failure: what made writing impossible; nothing is written after it, and the leases are given back.
    """

    def __init__(
        self, catalogue: Catalogue, landed: Callable[[Job], None], heard: Callable[[Outcome], None] = lambda _: None
    ) -> None:
        self._catalogue = catalogue
        self._landed = landed
        self._heard = heard
        self._desk: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self.outcomes: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self.unwritten: list[Lease] = []
        self._thread.start()

    def put(self, outcome: Outcome) -> None:
        """Hand over what became of a job."""
        self._desk.put(outcome)

    def close(self) -> None:
        """Return once all that was handed over is written."""
        self._desk.put(None)
        self._thread.join()

    def _work(self) -> None:
        while batch := self._batch():
            try:
                if self.failure is None:
                    self._write_patiently(batch)
            except BaseException as error:  # noqa: BLE001 - the thread of the shard raises it
                self.failure = error
            if self.failure is not None:
                self.unwritten += [outcome.lease for outcome in batch]
            for outcome in batch:
                self._heard(outcome)
                self._landed(outcome.job)

    def _batch(self) -> list[Outcome]:
        """Wait for one; take what lies beside it. Empty when the deps is closed."""
        batch: list[Outcome] = []
        outcome = self._desk.get()
        while outcome is not None:
            batch.append(outcome)
            if len(batch) == MOST or self._desk.empty():
                return batch
            outcome = self._desk.get()
        if batch:
            self._desk.put(None)
        return batch

    def _write_patiently(self, batch: Sequence[Outcome]) -> None:
        """Try again over a catalogue that is away for a moment: hours of work can lie in a batch."""
        for pause in PAUSES_S:
            try:
                return self._write(batch)
            except CatalogueUnreachableError:
                time.sleep(pause)
        self._write(batch)

    def _write(self, batch: Sequence[Outcome]) -> None:
        judged = [outcome for outcome in batch if isinstance(outcome, Judged)]
        lost = self._catalogue.record(outcome[1:] for outcome in judged) if judged else ()
        kept = [outcome for outcome in judged if outcome.lease.variant_id not in lost]
        self.outcomes.update("passed" if outcome.verdict.passed else "failed" for outcome in kept)
        for outcome in batch:
            if isinstance(outcome, Failed):
                self._fail(outcome)

    def _fail(self, failed: Failed) -> None:
        try:
            if failed.clip is not None:
                self._catalogue.rendered(failed.lease, failed.clip)
            self._catalogue.generation_failed(failed.lease, failed.reason)
        except LostLeaseError:
            return
        self.outcomes["failed"] += 1
