"""Objects of the API's responses, with the fields of OpenAI's API and those that vLLM-Omni's server adds."""

from typing import Literal

from pydantic import BaseModel, Field


class VideoError(BaseModel):
    """Why a video failed."""

    code: str
    message: str


class VideoOut(BaseModel):
    """A video job."""

    id: str
    object: Literal["video"] = "video"
    created_at: int = Field(description="Unix time.")
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int = Field(description="Estimate in percent.")
    completed_at: int | None
    expires_at: int | None = Field(description="Unix time at which the file is deleted.")
    model: str
    prompt: str
    negative_prompt: str | None
    seconds: str
    size: str
    seed: int = Field(description="The seed of the clip; the same request with this seed returns the same clip.")
    num_frames: int
    fps: int
    inference_time_s: float | None = Field(description="Seconds that the device spent on the clip.")
    remixed_from_video_id: str | None
    error: VideoError | None


class VideoListOut(BaseModel):
    """A page of videos."""

    object: Literal["list"] = "list"
    data: list[VideoOut]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedOut(BaseModel):
    """A deleted video."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: bool


class ModelOut(BaseModel):
    """A model, with what it accepts."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    title: str
    kind: str
    sizes: list[str]
    seconds: list[str]
    fps: int


class ModelListOut(BaseModel):
    """The models of the server."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


class ErrorBody(BaseModel):
    """What is wrong, and how to fix it."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorOut(BaseModel):
    """An error."""

    error: ErrorBody
