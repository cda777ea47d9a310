"""One job of the model server: a clip that a client has requested."""

import re
import secrets
import time
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from manifests.variant import Variant

VIDEO_ID = re.compile(r"video_[0-9a-f]{32}")


class Status(StrEnum):
    """States of a job, with the names of the OpenAI API."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


OPEN = (Status.QUEUED, Status.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class VideoJob:
    """A requested clip.

    Attributes:
        seconds: length of the clip as the API names it: whole seconds, as text.
        created_at, started_at, completed_at: Unix times; 0 if it has not happened yet.
        expires_at: when the file is deleted; 0 until the job has ended.
        attempts: how many times a device has started it.
        inference_s: seconds that the device spent on the clip.
        error_code, error_message: why the job failed; empty if it did not.
    """

    video_id: str
    variant: Variant
    seconds: str
    created_at: float
    status: Status = Status.QUEUED
    started_at: float = 0.0
    completed_at: float = 0.0
    expires_at: float = 0.0
    attempts: int = 0
    inference_s: float = 0.0
    error_code: str = ""
    error_message: str = ""

    @classmethod
    def create(cls, variant: Variant, seconds: str) -> "VideoJob":
        """Return a new queued job with an unguessable id."""
        return cls(f"video_{secrets.token_hex(16)}", variant, seconds, time.time())

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "VideoJob":
        """Return a job from its stored form; raises KeyError, TypeError or ValueError if it is damaged."""
        given = dict(record["variant"])
        for name in ("loras", "reference_sha256s"):
            given[name] = tuple(given.get(name, ()))
        if not VIDEO_ID.fullmatch(record["video_id"]):
            raise ValueError("not the id of a video")
        return cls(**{**record, "variant": Variant(**given), "status": Status(record["status"])})

    @property
    def record(self) -> dict[str, Any]:
        """The stored form, which ``of_record`` reads."""
        return asdict(self) | {"variant": self.variant._asdict()}

    @property
    def is_open(self) -> bool:
        """Whether the job waits or runs."""
        return self.status in OPEN

    def started(self) -> "VideoJob":
        """Return the job as running."""
        return replace(self, status=Status.IN_PROGRESS, started_at=time.time(), attempts=self.attempts + 1)

    def requeued(self) -> "VideoJob":
        """Return the job as queued again."""
        return replace(self, status=Status.QUEUED, started_at=0.0)

    def completed(self, inference_s: float, keep_s: float) -> "VideoJob":
        """Return the job as completed."""
        now = time.time()
        return replace(
            self, status=Status.COMPLETED, completed_at=now, expires_at=now + keep_s, inference_s=inference_s
        )

    def failed(self, code: str, message: str, keep_s: float) -> "VideoJob":
        """Return the job as failed."""
        now = time.time()
        return replace(
            self,
            status=Status.FAILED,
            completed_at=now,
            expires_at=now + keep_s,
            error_code=code,
            error_message=message,
        )

    def as_video(self, progress: int = 0) -> dict[str, Any]:
        """Return the object of the API; ``progress`` in percent is that of a running job."""
        variant, is_done = self.variant, self.status == Status.COMPLETED
        error = {"code": self.error_code, "message": self.error_message} if self.status == Status.FAILED else None
        return {
            "id": self.video_id,
            "object": "video",
            "created_at": int(self.created_at),
            "status": self.status.value,
            "progress": 100 if is_done else progress if self.status == Status.IN_PROGRESS else 0,
            "completed_at": int(self.completed_at) or None,
            "expires_at": int(self.expires_at) or None,
            "model": variant.card,
            "prompt": variant.prompt,
            "negative_prompt": variant.negative_prompt or None,
            "seconds": self.seconds,
            "size": f"{variant.width}x{variant.height}",
            "seed": variant.seed,
            "num_frames": variant.num_frames,
            "fps": variant.fps,
            "inference_time_s": round(self.inference_s, 3) if is_done else None,
            "remixed_from_video_id": None,
            "error": error,
        }
