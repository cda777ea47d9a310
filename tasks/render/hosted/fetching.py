"""Fetch the files of jobs that are done, and judge the clips, in background threads."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path

from adapters.catalogue import Catalogue
from adapters.hosted.errors import DownloadError, ExpiredAddressError, TokenError
from manifests.hosted.job import ResultFile
from manifests.hosted.job_errors import JobStateError
from manifests.hosted.provider_job import ProviderJob
from tasks.render.hosted.delays import backoff
from tasks.render.hosted.flight import Flight, Later, Next, Problem, ProblemKind, PutBack, Step
from tasks.render.hosted.provider import Provider
from tasks.render.hosted.steps import JobSteps
from tasks.render.outcomes import Fetched, Outcome, RenderedJob, Unprocessed
from tasks.render.postprocess import Postprocessor
from tasks.runtime.files.staging import FETCHED, Staging
from tasks.runtime.logs.log_context import scope

log = logging.getLogger(__name__)
THREADS = 2
MAX_PENDING = 32
"""Files that wait for a thread; while there are more, no further jobs are submitted."""
MAX_BROKEN = 4
"""Downloads of a file that broke in a row."""

Result = Outcome | Unprocessed | Next


class FetchPool:
    """Fetches and judges clips; passes each result on with its job.

    Attributes:
        failure: an error that stops the whole shard, such as a full disk.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        provider: Provider,
        steps: JobSteps,
        staging: Staging,
        judge: Postprocessor,
        put: Callable[[Flight, Result], None],
    ) -> None:
        self._catalogue = catalogue
        self._provider = provider
        self._steps = steps
        self._staging = staging
        self._judge = judge
        self._put = put
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch")
        self._lock = threading.Lock()
        self._pending = 0
        self.failure: BaseException | None = None

    @property
    def is_full(self) -> bool:
        """Whether so many files wait that no further jobs should be submitted."""
        return self._pending > MAX_PENDING

    def fetch(self, flight: Flight, file: ResultFile) -> None:
        """Fetch the file of a job, and judge it."""
        self._submit(flight, partial(self._fetched, flight, file))

    def judge(self, flight: Flight) -> None:
        """Judge a clip that exists here already."""
        self._submit(flight, partial(self._judge, RenderedJob(flight.job, flight.lease, None)))

    def close(self) -> None:
        """Drop the jobs that have not begun, and wait for the others."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, flight: Flight, work: Callable[[], Result]) -> None:
        with self._lock:
            self._pending += 1
        self._pool.submit(copy_context().run, self._work, flight, work)

    def _work(self, flight: Flight, work: Callable[[], Result]) -> None:
        result: Result = Unprocessed(flight.job, flight.lease)
        try:
            if self.failure is None:
                with scope(variant_id=flight.lease.variant_id, brief_id=",".join(flight.job.brief_ids)):
                    result = work()
        except JobStateError as error:  # a person has decided about the job meanwhile, or another host has settled it
            log.warning("A job is left as it is: %s", error)
            result = PutBack()
        except BaseException as error:  # noqa: BLE001 - raised again in the shard's thread
            self.failure = self.failure or error
        finally:
            with self._lock:
                self._pending -= 1
            self._put(flight, result)

    def _fetched(self, flight: Flight, file: ResultFile) -> Result:
        target = self._staging.folder(flight.lease.variant_id) / f"{flight.lease.attempt}-{FETCHED}"
        try:
            self._provider.fetch(file, target)
        except ExpiredAddressError as error:
            return self._steps.renew(flight, str(error))
        except (DownloadError, TokenError) as error:
            return self._later(flight, error)
        job = self._catalogue.provider_jobs.fetched(flight.known_job.job_id)
        try:
            return self._judge(RenderedJob(flight.job, flight.lease, _file(flight, job, target)))
        finally:
            target.unlink(missing_ok=True)  # a clip that could not be read; others were moved

    @staticmethod
    def _later(flight: Flight, error: DownloadError | TokenError) -> Next:
        """Ask for the address again, and fetch again: both cost nothing."""
        flight.delays += 1
        is_transient = isinstance(error, DownloadError) and error.is_transient
        if not is_transient or flight.delays > MAX_BROKEN:
            return PutBack(Problem(ProblemKind.NOT_FETCHED, str(error)))
        return Later(Step.POLL, backoff(flight.delays - 1))


def _file(flight: Flight, job: ProviderJob, path: Path) -> Fetched:
    return Fetched(
        flight.lease.variant,
        path,
        job.provider,
        job.job_id,
        job.cost_micros,
        job.currency,
        job.cost_is_estimate,
        str(job.facts.get("revised_prompt") or ""),
    )
