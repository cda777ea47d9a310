"""A model card: one JSON file that says what a model is, where its weights lie and what it can make."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Size(_Record):
    """What a placement gets for its aspect ratio; pixels.

    The model renders ``render_height`` x ``render_width`` where its multiples do not hit the
    ratio, and the centre ``height`` x ``width`` is kept.
    """

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    render_height: int = Field(gt=0)
    render_width: int = Field(gt=0)


class Rules(_Record):
    """Shapes that the pipeline accepts: frames are ``frame_multiple * k + frame_offset``."""

    frame_multiple: int = Field(gt=0)
    frame_offset: int = Field(ge=0)
    min_frames: int = Field(gt=0)
    max_frames: int = Field(gt=0)
    size_multiple: int = Field(gt=0)
    fps: int = Field(gt=0)


class Defaults(_Record):
    """Inputs where the sheet names none."""

    num_frames: int = Field(gt=0)
    num_inference_steps: int = Field(gt=0)
    guidance_scale: float = Field(ge=0)
    negative_prompt: str = ""
    min_adherence: float = Field(ge=-1, le=1)


class Weights(_Record):
    """Where the weights come from: a folder beside the cards, or a hub id with a pinned revision."""

    folder: str | None = None
    hub_id: str | None = None
    revision: str
    size_mb: float = Field(gt=0)


class Rate(_Record):
    """A measured rate, for estimates only: device seconds of a default clip, on a named machine."""

    seconds_a_clip: float = Field(gt=0)
    machine: str
    money_an_hour: float = Field(0.0, ge=0)


class Licence(_Record):
    """SPDX name or title, and the sentence that limits use, if any."""

    name: str
    limits: str = ""


class ModelCard(_Record):
    """Everything the program knows of a model."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    kind: Literal["text-to-video"]
    title: str
    description: str
    pipeline: str
    weights: Weights
    licence: Licence
    sizes: dict[str, Size]
    rules: Rules
    defaults: Defaults
    call: dict[str, int | float | str] = Field(default_factory=dict)
    vocabulary: str | None = None
    scorer: str = "starter-openclip"
    rates: tuple[Rate, ...] = ()
    sources: tuple[str, ...] = ()
    supports_negative_prompt: bool = True


class ScorerCard(_Record):
    """An OpenCLIP model: ``model`` is what open_clip's factory takes."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    kind: Literal["openclip"]
    title: str
    description: str
    model: str
    pretrained: str | None = None
    weights: Weights
    licence: Licence
    sources: tuple[str, ...] = ()
