"""Write the outcomes of jobs to the catalogue in batches, in a background thread."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence

from adapters.catalogue import Catalogue, Lease
from manifests.errors import CatalogueError, CatalogueUnreachableError, LostLeaseError
from manifests.states import State
from tasks.render.outcomes import Ended, Failed, Judged, Outcome, Unprocessed

MAX_BATCH = 64
"""Maximum number of outcomes per transaction."""
PAUSES_S = (0.5, 2.0)


class ResultWriter:
    """Writes queued outcomes, then passes each job on as ended; outcomes that arrive meanwhile form the next batch.

    Args:
        linger_s: seconds for which a batch waits for further outcomes.

    Attributes:
        outcomes: number of ``passed`` and ``failed`` jobs, without those whose lease was lost to another worker.
        failure: the error that stopped writing; nothing is written after it.
        unwritten: leases of jobs that ended without an outcome in the catalogue.
    """

    def __init__(self, catalogue: Catalogue, ended: "queue.SimpleQueue[Ended]", linger_s: float = 0.0) -> None:
        self._linger_s = linger_s
        self._catalogue = catalogue
        self._ended = ended
        self._queue: queue.SimpleQueue[Outcome | Unprocessed | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self.outcomes: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self.unwritten: list[Lease] = []
        self._thread.start()

    def put(self, outcome: Outcome | Unprocessed) -> None:
        """Queue an outcome, or a job that ends without one."""
        self._queue.put(outcome)

    def close(self) -> None:
        """Wait until every queued outcome is written."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while batch := self._batch():
            outcomes = [each for each in batch if not isinstance(each, Unprocessed)]
            try:
                if self.failure is None and outcomes:
                    self._write_with_retry(outcomes)
            except BaseException as error:  # noqa: BLE001 - raised again in the shard's thread
                self.failure = error
            for each in batch:
                if isinstance(each, Unprocessed) or self.failure is not None:
                    self.unwritten.append(each.lease)
                self._ended.put(each)

    def _batch(self) -> list[Outcome | Unprocessed]:
        """Wait for an outcome and return it with those that follow soon; empty once the writer is closed."""
        batch: list[Outcome | Unprocessed] = []
        outcome = self._queue.get()
        ends = time.monotonic() + self._linger_s
        while outcome is not None:
            batch.append(outcome)
            if len(batch) == MAX_BATCH:
                return batch
            try:
                outcome = self._queue.get(timeout=max(0.0, ends - time.monotonic()))
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)
        return batch

    def _write_with_retry(self, batch: Sequence[Outcome]) -> None:
        """Retry if the catalogue is briefly unreachable: a batch can hold hours of work.

        Raises:
            CatalogueError: not transient, so that the shard's task is not retried on top.
        """
        for pause in PAUSES_S:
            try:
                return self._write(batch)
            except CatalogueUnreachableError:
                time.sleep(pause)
        try:
            self._write(batch)
        except CatalogueUnreachableError as error:
            raise CatalogueError(str(error)) from error

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
