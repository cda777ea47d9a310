"""The jobs of the model server: waiting, running and ended ones."""

import threading
import time
from collections import Counter
from collections.abc import Callable

from app.model_server.errors import ApiError
from app.model_server.job_store import JobStore
from app.model_server.video_job import Status, VideoJob
from manifests.variant import Variant

ATTEMPTS = 3
"""Maximum number of starts, so that a job that crashes the process is not started forever."""
PASSED_OVER = 8
"""Number of later jobs of the loaded model that may run before the oldest job of another model."""


class JobQueue:
    """Keeps all jobs in memory and on disk; safe for use by several threads.

    Args:
        most: number of jobs that may wait at the same time.
        keep_s: seconds for which ended jobs and their files are kept.
        keep_bytes: total size of the files above which the oldest are deleted.
    """

    def __init__(self, store: JobStore, most: int, keep_s: float, keep_bytes: float) -> None:
        self._store = store
        self._most = most
        self.keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._changed = threading.Condition()
        self._is_closed = False
        self._passed_over: Counter[str] = Counter()
        self._jobs = {job.video_id: job for job in store.load()}

    def recover(self, offered: Callable[[VideoJob], str]) -> None:
        """Queue the jobs that an earlier server has not finished.

        Args:
            offered: returns why a job can no longer be generated; empty if it can.
        """
        with self._changed:
            for job in list(self._jobs.values()):
                if job.status == Status.COMPLETED and not self._store.size_of(job):
                    self._put(job.failed("file_missing", "The file of the clip was deleted.", self.keep_s))
                elif job.is_open and (problem := offered(job)):
                    self._put(job.failed("model_not_offered", problem, self.keep_s))
                elif job.status == Status.IN_PROGRESS:
                    self._put(self._again(job, "The server stopped while it generated the clip."))

    def add(self, job: VideoJob) -> VideoJob:
        """Queue a new job.

        Raises:
            ApiError: 429, too many jobs wait.
        """
        with self._changed:
            waiting = len(self._waiting())
            if waiting >= self._most:
                raise ApiError(
                    429,
                    f"The queue is full: {waiting} jobs are waiting. Try again later, or start the server with a "
                    "larger --queue.",
                    "queue_full",
                    retry_s=min(60, max(1, waiting)),
                )
            self._put(job)
            self._changed.notify()
            return job

    def get(self, video_id: str) -> VideoJob:
        """Return a job.

        Raises:
            ApiError: 404, there is none with this id.
        """
        with self._changed:
            if job := self._jobs.get(video_id):
                return job
        raise ApiError(
            404,
            f"The video {video_id[:80]!r} does not exist. It may have been deleted or expired; create a new one.",
            "video_not_found",
            "video_id",
        )

    def all(self) -> list[VideoJob]:
        """Return all jobs, the oldest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: (job.created_at, job.video_id))

    def delete(self, video_id: str) -> VideoJob:
        """Delete a job and its file. The result of a running one is discarded.

        Raises:
            ApiError: 404, there is none with this id.
        """
        with self._changed:
            job = self.get(video_id)
            self._forget(job)
            return job

    def uses_picture(self, sha256: str) -> bool:
        """Return whether a job starts from this picture."""
        with self._changed:
            return any(job.variant.first_frame_sha256 == sha256 for job in self._jobs.values())

    def next(self, loaded: str) -> VideoJob | None:
        """Wait for a job and return it as started; None when the queue is closed.

        Args:
            loaded: card of the model that the device has loaded.
        """
        with self._changed:
            while not self._is_closed:
                if waiting := self._waiting():
                    job = self._choose(waiting, loaded).started()
                    self._put(job)
                    return job
                self._changed.wait()
            return None

    def next_variants(self, job: VideoJob) -> list[Variant]:
        """Return the variants of a job and of the next waiting ones of its model: their texts are embedded together."""
        with self._changed:
            waiting = [each.variant for each in self._waiting() if each.variant.card == job.variant.card]
            return [job.variant, *waiting[:PASSED_OVER]]

    def complete(self, job: VideoJob, inference_s: float) -> bool:
        """Record that the file of a job exists; False if the job was deleted meanwhile, and then its file is, too."""
        return self._end(job, job.completed(inference_s, self.keep_s))

    def fail(self, job: VideoJob, code: str, message: str) -> None:
        """Record why a job has failed."""
        self._end(job, job.failed(code, message, self.keep_s))

    def retry(self, job: VideoJob, reason: str) -> None:
        """Queue a job again, or fail it after ATTEMPTS."""
        self._end(job, self._again(job, reason))

    def close(self) -> None:
        """Start no further jobs."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def prune(self) -> list[VideoJob]:
        """Delete expired jobs, and the oldest files above the total size; return the deleted jobs."""
        with self._changed:
            ended = sorted((job for job in self._jobs.values() if not job.is_open), key=lambda job: job.completed_at)
            sizes = {job.video_id: self._store.size_of(job) for job in ended}
            total, now, deleted = sum(sizes.values()), time.time(), []
            for job in ended:
                if job.expires_at <= now or (total > self._keep_bytes and sizes[job.video_id]):
                    total -= sizes[job.video_id]
                    self._forget(job)
                    deleted.append(job)
            return deleted

    def _waiting(self) -> list[VideoJob]:
        waiting = [job for job in self._jobs.values() if job.status == Status.QUEUED]
        return sorted(waiting, key=lambda job: (job.created_at, job.video_id))

    def _choose(self, waiting: list[VideoJob], loaded: str) -> VideoJob:
        """Return the oldest job of the loaded model; the oldest of all after it was passed over often enough."""
        oldest = waiting[0]
        chosen = next((job for job in waiting if job.variant.card == loaded), oldest)
        if chosen is oldest or self._passed_over[oldest.video_id] >= PASSED_OVER:
            self._passed_over.pop(oldest.video_id, None)
            return oldest
        self._passed_over[oldest.video_id] += 1
        return chosen

    def _again(self, job: VideoJob, reason: str) -> VideoJob:
        if job.attempts < ATTEMPTS:
            return job.requeued()
        return job.failed("too_many_attempts", f"{reason} It was started {job.attempts} times.", self.keep_s)

    def _end(self, job: VideoJob, ended: VideoJob) -> bool:
        with self._changed:
            if job.video_id not in self._jobs:
                self._store.file_of(job).unlink(missing_ok=True)
                return False
            self._put(ended)
            self._changed.notify_all()
            return True

    def _put(self, job: VideoJob) -> None:
        self._store.write(job)
        self._jobs[job.video_id] = job

    def _forget(self, job: VideoJob) -> None:
        self._store.delete(job)
        self._jobs.pop(job.video_id, None)
        self._passed_over.pop(job.video_id, None)
