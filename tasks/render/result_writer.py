"""Write the outcomes of jobs to the catalogue in batches, in a background thread."""

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
from manifests.states import State
from manifests.verdict import Verdict
from tasks.plan.shard import Job

MAX_BATCH = 64
"""Maximum number of outcomes per transaction."""
PAUSES_S = (0.5, 2.0)


class Judged(NamedTuple):
    """A clip with its verdict."""

    job: Job
    lease: Lease
    clip: Clip
    score: Score
    verdict: Verdict


class Failed(NamedTuple):
    """A job that failed; ``clip`` is set if the clip was generated before the failure."""

    job: Job
    lease: Lease
    clip: Clip | None
    reason: str


Outcome = Judged | Failed


class ResultWriter:
    """Writes queued outcomes; those that arrive during a transaction form the next batch.

    Attributes:
        outcomes: number of ``passed`` and ``failed`` jobs, without those whose lease was lost to another worker.
        failure: the error that stopped writing; nothing is written after it, and the leases are in ``unwritten``.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        on_done: Callable[[Job], None],
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._catalogue = catalogue
        self._on_done = on_done
        self._on_outcome = on_outcome
        self._queue: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self.outcomes: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self.unwritten: list[Lease] = []
        self._thread.start()

    def put(self, outcome: Outcome) -> None:
        """Queue an outcome."""
        self._queue.put(outcome)

    def close(self) -> None:
        """Wait until every queued outcome is written."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while batch := self._batch():
            try:
                if self.failure is None:
                    self._write_with_retry(batch)
            except BaseException as error:  # noqa: BLE001 - raised again in the shard's thread
                self.failure = error
            if self.failure is not None:
                self.unwritten += [outcome.lease for outcome in batch]
            for outcome in batch:
                self._on_outcome(outcome)
                self._on_done(outcome.job)

    def _batch(self) -> list[Outcome]:
        """Wait for an outcome and return it with those already queued; empty once the writer is closed."""
        batch: list[Outcome] = []
        outcome = self._queue.get()
        while outcome is not None:
            batch.append(outcome)
            if len(batch) == MAX_BATCH or self._queue.empty():
                return batch
            outcome = self._queue.get()
        if batch:
            self._queue.put(None)
        return batch

    def _write_with_retry(self, batch: Sequence[Outcome]) -> None:
        """Retry if the catalogue is briefly unreachable: a batch can hold hours of work."""
        for pause in PAUSES_S:
            try:
                return self._write(batch)
            except CatalogueUnreachableError:
                time.sleep(pause)
        self._write(batch)

    def _write(self, batch: Sequence[Outcome]) -> None:
        judged = [outcome for outcome in batch if isinstance(outcome, Judged)]
        lost = self._catalogue.results.record_batch(outcome[1:] for outcome in judged) if judged else ()
        kept = [outcome for outcome in judged if outcome.lease.variant_id not in lost]
        self.outcomes.update(State.PASSED if outcome.verdict.passed else State.FAILED for outcome in kept)
        for outcome in batch:
            if isinstance(outcome, Failed):
                self._fail(outcome)

    def _fail(self, failed: Failed) -> None:
        try:
            if failed.clip is not None:
                self._catalogue.results.mark_rendered(failed.lease, failed.clip)
            self._catalogue.results.mark_failed(failed.lease, failed.reason)
        except LostLeaseError:
            return
        self.outcomes[State.FAILED] += 1
