"""Jobs and files of the model server on disk, which survive a restart."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from adapters.files.durable import write_durably
from app.model_server.video_job import VideoJob

log = logging.getLogger(__name__)


class JobStore:
    """A folder with one record per job and one file per finished clip."""

    def __init__(self, root: Path) -> None:
        self._jobs, self._files = root / "jobs", root / "files"
        for folder in (self._jobs, self._files):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def file_of(self, job: VideoJob) -> Path:
        """Return the path of a job's clip, whether it exists or not."""
        return self._files / f"{job.video_id}.mp4"

    def size_of(self, job: VideoJob) -> int:
        """Return the bytes of a job's clip; 0 if there is none."""
        with suppress(FileNotFoundError):
            return self.file_of(job).stat().st_size
        return 0

    def write(self, job: VideoJob) -> None:
        """Store a job; raises OSError if the disk does not allow it."""
        write_durably(self._path(job), json.dumps(job.record).encode(), mode=0o600)

    def delete(self, job: VideoJob) -> None:
        """Delete a job and its file, in this order: a file without a job is removed at the next start."""
        self._path(job).unlink(missing_ok=True)
        self.file_of(job).unlink(missing_ok=True)

    def load(self) -> list[VideoJob]:
        """Return all jobs, the oldest first; files that belong to none are deleted."""
        jobs = sorted(self._read(), key=lambda job: (job.created_at, job.video_id))
        for path in self._jobs.glob(".*.part"):  # an earlier server was killed while it wrote them
            path.unlink()
        known = {self.file_of(job) for job in jobs}
        for path in self._files.iterdir():
            if path not in known:
                path.unlink()
        return jobs

    def _read(self) -> Iterator[VideoJob]:
        for path in self._jobs.glob("video_*.json"):
            try:
                yield VideoJob.of_record(json.loads(path.read_bytes()))
            except (ValueError, KeyError, TypeError) as error:
                log.warning("The job %s is damaged (%s) and is ignored. Delete the file.", path, error)

    def _path(self, job: VideoJob) -> Path:
        return self._jobs / f"{job.video_id}.json"
