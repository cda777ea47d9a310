"""Model cards: one JSON file per model with its description, weights, limits and defaults."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from manifests.errors import CardRuleError
from manifests.identity import content_id
from models.licence import Licence
from models.record import Record
from models.speed import PROFILES, Profile, Speed
from models.vocabulary import load_vocabulary, unknown_words

RECIPE_DIGITS = 16
Condition = Literal["last_frame", "references", "earlier_frames"]
CONDITIONS: dict[str, str] = {
    "last_frame": "a last frame",
    "references": "reference pictures",
    "earlier_frames": "a clip that it continues",
}
"""What each condition is called in messages."""


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


class Card(Record):
    """Fields that all cards share.

    Attributes:
        limits: known limitations, one sentence each.
        measured: figures and how they were measured, for people; written by a script, not by hand.
        max_prompt_tokens: number of prompt tokens that the model reads, special tokens included; None for the value in
            ``call`` or in the weights.
        tokenizer: ``clip`` for CLIP's own; None for the tokenizer in the weights.
        retired: since when its makers have withdrawn the model, and its replacement; empty if it is available.
        home: base folder of the card's relative paths; set by the registry.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    kind: str
    title: str
    description: str
    licence: Licence
    sources: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    measured: dict[str, str] = Field(default_factory=dict)
    max_prompt_tokens: int | None = Field(None, gt=0)
    tokenizer: Literal["clip"] | None = None
    retired: str = ""
    home: Path = Field(Path(), exclude=True, repr=False)


class GeneratorCard(Card):
    """A model that generates clips: on a local device, or at a provider.

    Attributes:
        sizes: by aspect ratio, as ``width:height``.
        vocabulary: file of the words that the model was trained on; None for general language.
        scorer: name of the scorer card.
        rates: measured rates; estimates use the first one.
        accepts: what a clip can be generated from besides its text and first frame: the picture that it ends with,
            pictures of what it shows, the last frames of the clip that it continues.
        loras: always applied, all of them, in this order.
        profiles: by name; a missing profile falls back to the next more exact one.
        distilled: limits for motion and drift if the weights were distilled for few steps; otherwise None.
        unsupported: why this version cannot run the model, one sentence; empty if it can.
    """

    sizes: Mapping[str, FrameSize] = Field(min_length=1)
    vocabulary: str | None = None
    scorer: str = "starter-openclip"
    rates: tuple[Rate, ...] = ()
    supports_negative_prompt: bool = True
    accepts: tuple[Condition, ...] = ()
    loras: tuple[Lora, ...] = ()
    profiles: dict[Profile, CardProfile] = Field(default_factory=dict)
    distilled: Distilled | None = None
    unsupported: str = ""

    @property
    @abstractmethod
    def revision(self) -> str:
        """The pinned revision of the weights, or a digest of what decides the requests to a provider."""

    @property
    @abstractmethod
    def frame_rules(self) -> Rules:
        """Frame counts and frames per second of the clips."""

    @property
    @abstractmethod
    def inputs(self) -> Defaults:
        """Default generation inputs."""

    @property
    @abstractmethod
    def needs_first_frame(self) -> bool:
        """Whether clips start from an image."""

    @property
    @abstractmethod
    def durations_text(self) -> str:
        """The supported lengths in seconds."""

    @abstractmethod
    def frames_for(self, duration_s: float) -> int:
        """Return the number of frames for a duration in seconds.

        Raises:
            CardRuleError: the card does not support it; the message names the nearest supported length.
        """

    @abstractmethod
    def recipe(self, profile: Profile) -> str:
        """Return a digest of everything that decides a clip's pixels besides the variant's own fields."""

    def unusable_on(self, today: date) -> str:
        """Return why the model cannot run on a day, one sentence; empty if it can."""
        return f"{self.unsupported} Use another model from `reelmill models`." if self.unsupported else ""

    def with_profile(self, wanted: str) -> Self:
        """Return the card as the wanted profile changes it."""
        return self

    def profile_for(self, wanted: str) -> Profile:
        """Return the wanted profile, or the next more exact one if the card does not have it."""
        known = [name for name in PROFILES if name == wanted]
        slower = PROFILES[: PROFILES.index(known[0]) + 1] if known else ()
        return next((name for name in reversed(slower) if name in self.profiles), "exact")

    def speed_of(self, profile: Profile) -> Speed:
        """Return a profile's settings, or the defaults if the card has none for it."""
        return self.profiles.get(profile, CardProfile())

    def size_for(self, aspect_ratio: str) -> FrameSize:
        """Return the size of an aspect ratio such as ``16:9``.

        Raises:
            CardRuleError: the card does not have this ratio; the message lists the supported ones.
        """
        if aspect_ratio not in self.sizes:
            known = ", ".join(self.sizes)
            raise CardRuleError(f"{self.name} does not support the aspect ratio {aspect_ratio}; use {known}")
        return self.sizes[aspect_ratio]

    def render_size(self, height: int, width: int) -> tuple[int, int] | None:
        """Return the height and width that the model renders for clips of this size; None if the card lacks it."""
        same = (size.rendered for size in self.sizes.values() if (size.height, size.width) == (height, width))
        return next(same, None)

    def outside_vocabulary(self, prompt: str) -> tuple[str, ...]:
        """Return the unique words of the prompt that are not in the model's vocabulary, in order.

        Empty if the card has no vocabulary.
        """
        if self.vocabulary is None:
            return ()
        return unknown_words(prompt, load_vocabulary(self.home / self.vocabulary))


class ModelCard(GeneratorCard):
    """A model that runs on a local device.

    Attributes:
        pipeline: class name in diffusers.
        call: further arguments of the pipeline's call.
        precision: dtype on a GPU by component, ``default`` for the others; a CPU always uses float32.
        parts: components that are not loaded from ``weights``, by name.
        scheduler: None for the folder's own.
        worker: resources on a Ray cluster; with threads, each worker uses a whole device.
    """

    kind: Literal["text-to-video", "image-to-video"]
    weights: Weights
    pipeline: str
    sizes: dict[str, Size] = Field(min_length=1)
    rules: Rules
    defaults: Defaults
    call: dict[str, JsonValue] = Field(default_factory=dict)
    precision: dict[str, Literal["float32", "bfloat16", "float16"]] = Field({"default": "bfloat16"})
    parts: dict[str, Weights] = Field(default_factory=dict)
    scheduler: Scheduler | None = None
    memory: Memory | None = None
    worker: Worker = Field(default_factory=Worker)

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        if not self.rules.allows(self.defaults.num_frames):
            raise ValueError("defaults.num_frames is not allowed by rules")
        if not self.defaults.num_inference_steps:
            raise ValueError("defaults.num_inference_steps must be greater than 0")
        for ratio, size in self.sizes.items():
            if size.render_height % self.rules.size_multiple or size.render_width % self.rules.size_multiple:
                raise ValueError(f"the render size of sizes.{ratio} must be in multiples of {self.rules.size_multiple}")
        if self.speed_of("exact").quantised:
            raise ValueError("the profile exact must not be quantised; allow it in balanced or fast")
        return self

    @property
    def revision(self) -> str:
        """The pinned revision of the weights."""
        return self.weights.revision

    @property
    def frame_rules(self) -> Rules:
        """Frame counts and frames per second of the clips."""
        return self.rules

    @property
    def inputs(self) -> Defaults:
        """Default generation inputs."""
        return self.defaults

    def frames_for(self, duration_s: float) -> int:
        """Return the allowed frame count nearest to a duration in seconds.

        Raises:
            CardRuleError: the nearest count is out of the card's range; the message names the range and the
                nearest supported length.
        """
        wanted = duration_s * self.rules.fps
        nearest = self.rules.nearest(wanted) if math.isfinite(wanted) else 0
        if self.rules.allows(nearest):
            return nearest
        low, high = self.rules.min_frames, self.rules.max_frames
        if low == high:
            raise CardRuleError(f"{self.name} only supports clips of {self.durations_text} s, not {duration_s:g} s")
        best = high if wanted > high else low
        raise CardRuleError(
            f"{self.name} supports clips of {self.durations_text} s, not {duration_s:g} s; the nearest supported "
            f"length is {self._seconds(best)} s"
        )

    @property
    def durations_text(self) -> str:
        """The supported lengths in seconds: ``2.12``, or ``1.12 to 4.12``."""
        bounds = dict.fromkeys((self.rules.min_frames, self.rules.max_frames))
        return " to ".join(map(self._seconds, bounds))

    @property
    def needs_first_frame(self) -> bool:
        """Whether clips start from an image."""
        return self.kind == "image-to-video"

    def with_profile(self, wanted: str) -> Self:
        """Return the card as the wanted profile changes it: its LoRAs, scheduler, steps, guidance and call.

        The profiles themselves stay, so that ``recipe`` and ``speed_of`` give the same answers.
        """
        own = self.profiles.get(self.profile_for(wanted))
        if own is None:
            return self
        inputs = own.model_dump(include={"num_inference_steps", "guidance_scale"}, exclude_none=True)
        changes: dict[str, Any] = {
            "loras": own.loras,
            "scheduler": own.scheduler,
            "distilled": own.distilled,
            "call": self.call | own.call if own.call else None,
            "defaults": self.defaults.model_copy(update=inputs) if inputs else None,
        }
        changes = {name: value for name, value in changes.items() if value is not None}
        return self.model_copy(update=changes) if changes else self

    @property
    def all_loras(self) -> tuple[Lora, ...]:
        """The LoRAs of the card and of its profiles, each once."""
        every = (self.loras, *(profile.loras or () for profile in self.profiles.values()))
        return tuple({(lora.name, lora.weights, lora.file): lora for loras in every for lora in loras}.values())

    def recipe(self, profile: Profile) -> str:
        """Return a digest of everything that decides a clip's pixels besides the variant's own fields.

        Editing the card's call, precision, scheduler, LoRAs or speed therefore gives different variants.
        """
        card = self.with_profile(profile)
        deciding: dict[str, Any] = {
            "pipeline": card.pipeline,
            "call": card.call,
            "precision": card.precision,
            "scheduler": card.scheduler and card.scheduler.model_dump(mode="json"),
            "loras": [[lora.name, lora.weights.revision, lora.file, lora.scale, lora.component] for lora in card.loras],
            "speed": self.speed_of(profile).deciding_pixels(),
            "render sizes": sorted(
                [size.height, size.width, size.render_height, size.render_width] for size in self.sizes.values()
            ),
        }
        if self.parts:
            deciding["parts"] = {name: part.revision for name, part in self.parts.items()}
        return content_id(deciding)[:RECIPE_DIGITS]

    def _seconds(self, num_frames: int) -> str:
        """Return a duration with two decimals at most; sheets do not accept three, which could mean thousands."""
        return f"{round(num_frames / self.rules.fps, 2):g}"


class ScorerCard(Card):
    """An OpenCLIP model: a folder or hub id with ``open_clip_config.json`` and safetensors files."""

    kind: Literal["openclip"]
    weights: Weights


LocalCard = ModelCard | ScorerCard
"""Cards with weights on this machine."""
