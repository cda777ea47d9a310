"""Jobs of the model server, without HTTP: accept, list and delete jobs, and generate their clips."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from adapters.media.picture import InvalidPictureError
from app.model_server.device_workers import DeviceWorkers
from app.model_server.errors import ApiError, invalid
from app.model_server.job_queue import JobQueue
from app.model_server.job_store import JobStore
from app.model_server.request_body import VideoBody
from app.model_server.video_job import Status, VideoJob
from app.model_server.video_request import parse, wanted
from models.card import ModelCard
from models.speed import Profile
from tasks.runtime.files.first_frames import FirstFrames
from tasks.runtime.resources import Resources

log = logging.getLogger(__name__)
PRUNE_S = 60.0
"""Seconds between two searches for expired jobs."""
NOT_READY = {
    Status.QUEUED: "The video is still waiting. Poll /v1/videos/{id} until its status is completed.",
    Status.IN_PROGRESS: "The video is being generated. Poll /v1/videos/{id} until its status is completed.",
    Status.FAILED: "The video failed, so it has no content: {why}",
}


class Limits(NamedTuple):
    """Limits of the server.

    Attributes:
        queue: jobs that may wait.
        keep_s: seconds for which ended jobs are kept.
        keep_bytes: total size of the files.
    """

    queue: int = 100
    keep_s: float = 24 * 3600.0
    keep_bytes: float = 10e9


class ModelService:
    """Generates clips for clients.

    Args:
        root: folder of the jobs, the files and the pictures of clients; only one server may use it.
    """

    def __init__(
        self, resources: Resources, cards: Mapping[str, ModelCard], root: Path, profile: Profile, limits: Limits
    ) -> None:
        # Pictures of clients are deleted with their jobs, so they are apart from those of campaigns.
        self._resources = replace(resources, first_frames=root / "first-frames", shared=False)
        self.cards = cards
        self._profile = profile
        self._store = JobStore(root)
        self.queue = JobQueue(self._store, limits.queue, limits.keep_s, limits.keep_bytes)
        self._workers = DeviceWorkers(self._resources, cards, self.queue, self._store)
        self._pictures = FirstFrames(self._resources.first_frames)
        self._adding = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Queue the jobs of an earlier server, and start the workers."""
        self.queue.recover(self._why_not)
        self._workers.start()
        threading.Thread(target=self._prune, daemon=True).start()

    def stop(self) -> None:
        """Stop within seconds; unfinished clips are generated after the next start."""
        self._stopped.set()
        self._workers.stop()

    def create(self, body: VideoBody) -> dict[str, Any]:
        """Check a request, queue it, and return its video object.

        Raises:
            ApiError: 400, the request is invalid; 429, the queue is full.
        """
        request = parse(body.fields)
        with self._adding:  # no picture is deleted between its storage and that of its job
            sha256 = self._store_picture(body.picture) if body.picture else ""
            try:
                variant, seconds = wanted(request, self.cards, self._profile, sha256)
                job = self.queue.add(VideoJob.create(variant, seconds))
            except ApiError:
                self._forget_picture(sha256)
                raise
        return self.show(job)

    def show(self, job: VideoJob) -> dict[str, Any]:
        """Return the video object of a job."""
        return job.as_video(self._workers.progress_of(job))

    def content(self, video_id: str) -> Path:
        """Return the file of a finished job.

        Raises:
            ApiError: 404, there is no such job, or it has no file.
        """
        job = self.queue.get(video_id)
        if job.status != Status.COMPLETED:
            text = NOT_READY[job.status].format(id=video_id, why=job.error_message)
            raise ApiError(404, text, "video_failed" if job.status == Status.FAILED else "video_not_ready", "video_id")
        return self._store.file_of(job)

    def delete(self, video_id: str) -> None:
        """Cancel or delete a job, with its file and its picture; raises as ``JobQueue.delete`` does."""
        with self._adding:
            self._forget_picture(self.queue.delete(video_id).variant.first_frame_sha256)

    def prune(self) -> None:
        """Delete expired jobs, and the oldest files above the total size."""
        with self._adding:
            for job in self.queue.prune():
                log.info("%s was deleted: it has expired, or the files exceeded their total size.", job.video_id)
                self._forget_picture(job.variant.first_frame_sha256)

    def _prune(self) -> None:
        while True:
            self.prune()
            if self._stopped.wait(PRUNE_S):
                return

    def _why_not(self, job: VideoJob) -> str:
        name = job.variant.card
        return "" if name in self.cards else f"The server was restarted without the model {name}."

    def _store_picture(self, content: bytes) -> str:
        try:
            return self._pictures.add_content(content)
        except InvalidPictureError as error:
            raise invalid(f"The picture {error}", "input_reference", "invalid_image") from error

    def _forget_picture(self, sha256: str) -> None:
        if sha256 and not self.queue.uses_picture(sha256):
            for path in self._pictures.root.glob(f"{sha256}.*"):
                path.unlink(missing_ok=True)
