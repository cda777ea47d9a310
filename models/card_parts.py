"""The parts of model cards: sizes, rules for frames, defaults, weights, memory and profiles."""

import math
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from models.record import Record
from models.speed import Speed

RECIPE_DIGITS = 16


class FrameSize(Record):
    """Size of a card's clips in pixels for one aspect ratio."""

    height: int = Field(gt=0)
    width: int = Field(gt=0)

    @property
    def rendered(self) -> tuple[int, int]:
        """Height and width that the model renders, of which the clip is the centre."""
        return self.height, self.width


class Size(FrameSize):
    """Size in pixels for one aspect ratio.

    The model renders ``render_height`` x ``render_width``, and the centre ``height`` x ``width`` is kept. The two
    differ if the model's size multiples do not allow the exact ratio. Kept sizes are even, since H.264 in yuv420p
    does not support odd ones.
    """

    height: int = Field(gt=0, multiple_of=2)
    width: int = Field(gt=0, multiple_of=2)
    render_height: int = Field(gt=0)
    render_width: int = Field(gt=0)

    @model_validator(mode="after")
    def _is_a_crop(self) -> Self:
        if self.height > self.render_height or self.width > self.render_width:
            raise ValueError("height and width must not exceed render_height and render_width")
        return self

    @property
    def rendered(self) -> tuple[int, int]:
        """Height and width that the model renders, of which the clip is the centre."""
        return self.render_height, self.render_width


class Rules(Record):
    """Shapes that the pipeline accepts. Frame counts have the form ``frame_multiple * k + frame_offset``."""

    frame_multiple: int = Field(gt=0)
    frame_offset: int = Field(ge=0)
    min_frames: int = Field(gt=0)
    max_frames: int = Field(gt=0)
    size_multiple: int = Field(gt=0)
    fps: int = Field(gt=0)

    @model_validator(mode="after")
    def _bounds_are_allowed(self) -> Self:
        for name in ("min_frames", "max_frames"):
            if self.nearest(getattr(self, name)) != getattr(self, name):
                raise ValueError(f"{name} must have the form frame_multiple * k + frame_offset")
        if self.min_frames > self.max_frames:
            raise ValueError("min_frames must not exceed max_frames")
        return self

    def nearest(self, num_frames: float) -> int:
        """Return the nearest ``frame_multiple * k + frame_offset``, ignoring bounds; ties round up."""
        steps = math.floor((num_frames - self.frame_offset) / self.frame_multiple + 0.5)
        return steps * self.frame_multiple + self.frame_offset

    def allows(self, num_frames: int) -> bool:
        """Return whether the pipeline supports exactly this number of frames."""
        return self.min_frames <= num_frames <= self.max_frames and self.nearest(num_frames) == num_frames


class Defaults(Record):
    """Default generation inputs, used if the sheet does not set them."""

    num_frames: int = Field(gt=0)
    num_inference_steps: int = Field(ge=0)
    guidance_scale: float = Field(ge=0)
    negative_prompt: str = ""
    min_adherence: float = Field(ge=-1, le=1)


class Weights(Record):
    """Source of the weights: a folder, or a hub id with a pinned revision.

    Attributes:
        folder: absolute, or relative to the folder of the user's card; for bundled cards, relative to ``models/``.
        hub_id: ``owner/name`` on the Hugging Face hub.
        revision: for a folder, a string that contains the first 12 hex digits of ``sha256``; for a hub id, the 40 hex
            digits of a commit. It is part of every variant's id.
        sha256: hash of the contents, as ``reelmill models verify`` prints it; optional for a hub id, whose files are
            compared with the hashes that the hub gave.
        size_mb: megabytes on disk.
    """

    folder: str | None = None
    hub_id: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(min_length=1)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    size_mb: float = Field(gt=0)

    @model_validator(mode="after")
    def _is_pinned(self) -> Self:
        if (self.folder is None) == (self.hub_id is None):
            raise ValueError("set either folder or hub_id")
        if self.hub_id and not (len(self.revision) == 40 and set(self.revision) <= set("0123456789abcdef")):
            raise ValueError("revision of a hub_id must be a commit of 40 hex digits, since branches change")
        return self


class Rate(Record):
    """A measured rate, used only for estimates: device seconds of a default clip on a named machine."""

    seconds_a_clip: float = Field(gt=0)
    machine: str
    money_an_hour: float = Field(0.0, ge=0)


class ComponentMemory(Record):
    """Size of a component's weights on a GPU, in GB; see models/placement/component_sizes.py."""

    gb: float = Field(gt=0)
    block_gb: float = Field(ge=0)
    rest_gb: float = Field(ge=0)
    leaf_gb: float = Field(gt=0)


class WorkingMemory(Record):
    """Device memory that the default clip takes at the largest size besides the weights, in GB.

    Attributes:
        denoise_gb: in a step.
        decode_gb: while the VAE decodes the whole clip.
        tiled_gb: while the VAE decodes in tiles.
        in_chunks: clips are generated chunk by chunk, so that a step takes the same for clips of every length.
    """

    denoise_gb: float = Field(gt=0)
    decode_gb: float = Field(gt=0)
    tiled_gb: float = Field(gt=0)
    in_chunks: bool = False


class Memory(Record):
    """Device memory for a default clip, in GB (10^9 bytes).

    Attributes:
        device_gb: published figure with all components on the device.
        offload_gb: published figure with ``model`` offload.
        source: where the published figures come from.
        components: sizes by name; if the weights are here, the files are measured instead.
        working: None for a rule of thumb.
        computed_from: what ``components`` and ``working`` were computed from: the headers of the weights, the
            configurations of the components, or published figures.
    """

    device_gb: float | None = Field(None, gt=0)
    offload_gb: float | None = Field(None, gt=0)
    source: str = ""
    components: dict[str, ComponentMemory] = Field(default_factory=dict)
    working: WorkingMemory | None = None
    computed_from: Literal["weights", "configuration", "published"] | None = None


class Worker(Record):
    """Resources that a Ray task with this card requests.

    Attributes:
        num_gpus: 0 allows workers without a GPU; a fraction lets several tasks share one.
        num_cpus: cores.
    """

    num_gpus: float = Field(default=1.0, ge=0)
    num_cpus: float = Field(default=1.0, gt=0)


class Lora(Record):
    """Low-rank weights that a card always applies, for example few-step distillation.

    Attributes:
        file: path of the safetensors file in its folder or snapshot.
        component: the component to which the weights are applied.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    weights: Weights
    file: str = Field(pattern=r"^[^/].*\.safetensors$")
    scale: float = 1.0
    component: Literal["transformer", "transformer_2", "unet"] = "transformer"


class Scheduler(Record):
    """A diffusers scheduler that replaces the folder's own; ``options`` override its configuration."""

    name: str = Field(pattern=r"^[A-Z]\w*Scheduler$")
    options: dict[str, JsonValue] = Field(default_factory=dict)


class Distilled(Record):
    """Limits for the clips of weights that were distilled for few steps, which tend to move slowly and to drift.

    Attributes:
        min_motion: lowest ``motion_speed`` (tasks/score/motion.py) that passes, in percent of the shorter side per
            second. The default is that of VBench's dynamic degree: 6 of 256 pixels between frames at 8 fps.
        max_drift: highest ``colour_drift`` that passes, 0..255.
    """

    min_motion: float = Field(default=18.75, gt=0)
    max_drift: float = Field(default=25.0, gt=0)


class CardProfile(Speed):
    """Settings of one profile, and what it replaces in the card.

    Attributes:
        loras: applied instead of the card's; None for the card's own.
        scheduler, num_inference_steps, guidance_scale, distilled: None for the card's own.
        call: arguments of the pipeline's call that are added to the card's, or replace them.
    """

    loras: tuple[Lora, ...] | None = None
    scheduler: Scheduler | None = None
    num_inference_steps: int | None = Field(default=None, gt=0)
    guidance_scale: float | None = Field(default=None, ge=0)
    call: dict[str, JsonValue] = Field(default_factory=dict)
    distilled: Distilled | None = None

    def summary(self) -> tuple[str, ...]:
        """Return what the profile does, in a few words for each of its settings."""
        backends = self.attention if isinstance(self.attention, dict) else {"every device": self.attention}
        found: dict[str, object] = {
            f"{self.num_inference_steps} steps": self.num_inference_steps,
            "no guidance": self.guidance_scale is not None and self.guidance_scale <= 1,
            f"LoRAs {' and '.join(lora.name for lora in self.loras or ())}": self.loras,
            self.step_cache.kind if self.step_cache else "": self.step_cache,
            f"weights in {self.storage}": self.storage,
            "compiled blocks": self.compile,
            "attention " + ", ".join(f"{name} on {device}" for device, name in backends.items()): self.attention,
            "VAE with the channels last": self.channels_last_vae,
            "VAE in tiles": self.tile_vae,
        }
        return tuple(words for words, is_set in found.items() if is_set) or ("as the card",)
