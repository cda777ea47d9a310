"""A model card: one JSON file that says what a model is, where its weights lie and what it can make."""

import math
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from manifests.errors import CardRuleError
from manifests.identity import content_id
from models.licence import Licence
from models.record import Record
from models.speed import PROFILES, Draft, Profile, Speed
from models.vocabulary import load_vocabulary, unknown_words

RECIPE_DIGITS = 16


class Size(Record):
    """What a placement gets for its aspect ratio; pixels.

    The model renders ``render_height`` x ``render_width`` where its multiples do not hit the
    ratio, and the centre ``height`` x ``width`` is kept. Kept sizes are even: H.264 in yuv420p
    has no odd ones.
    """

    height: int = Field(gt=0, multiple_of=2)
    width: int = Field(gt=0, multiple_of=2)
    render_height: int = Field(gt=0)
    render_width: int = Field(gt=0)

    @model_validator(mode="after")
    def _is_a_crop(self) -> Self:
        if self.height > self.render_height or self.width > self.render_width:
            raise ValueError("height and width must lie within render_height and render_width")
        return self


class Rules(Record):
    """Shapes that the pipeline accepts: frames are ``frame_multiple * k + frame_offset``."""

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
                raise ValueError(f"{name} is not frame_multiple * k + frame_offset")
        if self.min_frames > self.max_frames:
            raise ValueError("min_frames is larger than max_frames")
        return self

    def nearest(self, num_frames: float) -> int:
        """The count ``frame_multiple * k + frame_offset`` next to a wish, the longer of two; no bounds."""
        steps = math.floor((num_frames - self.frame_offset) / self.frame_multiple + 0.5)
        return steps * self.frame_multiple + self.frame_offset

    def allows(self, num_frames: int) -> bool:
        """True where the pipeline makes exactly so many frames."""
        return self.min_frames <= num_frames <= self.max_frames and self.nearest(num_frames) == num_frames


class Defaults(Record):
    """Inputs where the sheet names none."""

    num_frames: int = Field(gt=0)
    num_inference_steps: int = Field(gt=0)
    guidance_scale: float = Field(ge=0)
    negative_prompt: str = ""
    min_adherence: float = Field(ge=-1, le=1)


class Weights(Record):
    """Where the weights come from: a folder, or a hub id with a pinned revision.

    Attributes:
        folder: relative to the folder that holds the user's cards; for the cards that ship with the
            program, to ``models/``. An absolute path stands for itself.
        hub_id: ``owner/name`` on the Hugging Face hub.
        revision: of a folder, any word that changes when the weights do; of a hub id, the 40 hex
            digits of a commit. It is part of every variant's id.
        size_mb: megabytes on disk.
    """

    folder: str | None = None
    hub_id: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(min_length=1)
    size_mb: float = Field(gt=0)

    @model_validator(mode="after")
    def _is_pinned(self) -> Self:
        if (self.folder is None) == (self.hub_id is None):
            raise ValueError("name either folder or hub_id")
        if self.hub_id and not (len(self.revision) == 40 and set(self.revision) <= set("0123456789abcdef")):
            raise ValueError("revision of a hub_id must be a commit of 40 hex digits: branches move")
        return self


class Rate(Record):
    """A measured rate, for estimates only: device seconds of a default clip, on a named machine."""

    seconds_a_clip: float = Field(gt=0)
    machine: str
    money_an_hour: float = Field(0.0, ge=0)


class Memory(Record):
    """What a default clip needs, in GB (10^9 bytes), as ``source`` says.

    Attributes:
        device_gb: with everything on the device.
        offload_gb: with ``model`` offload.
    """

    device_gb: float | None = Field(None, gt=0)
    offload_gb: float | None = Field(None, gt=0)
    source: str


class Worker(Record):
    """What a worker of a Ray cluster needs for one model of this card; Ray gives it no more and no less.

    Attributes:
        num_gpus: 0 lets it run on a worker without one; a part of one lets several share it.
        num_cpus: cores.
    """

    num_gpus: float = Field(default=1.0, ge=0)
    num_cpus: float = Field(default=1.0, gt=0)


class Lora(Record):
    """Low-rank weights that a card always applies, such as those of few-step distillation.

    Attributes:
        file: the safetensors file in its folder or snapshot.
        component: which transformer takes them.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    weights: Weights
    file: str = Field(pattern=r"^[^/].*\.safetensors$")
    scale: float = 1.0
    component: Literal["transformer", "transformer_2", "unet"] = "transformer"


class Scheduler(Record):
    """A scheduler of diffusers instead of the folder's own; ``options`` override its configuration."""

    name: str = Field(pattern=r"^[A-Z]\w*Scheduler$")
    options: dict[str, JsonValue] = Field(default_factory=dict)


class Card(Record):
    """What every card has.

    Attributes:
        limits: what it cannot do, a sentence each.
        measured: figures and what was counted, for people; a script writes them, nobody types them.
        retired: since when its makers have withdrawn it, and what takes its place; empty while it lives.
        home: folder that relative paths of the card start from; the registry fills it in.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    kind: str
    title: str
    description: str
    weights: Weights
    licence: Licence
    sources: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    measured: dict[str, str] = Field(default_factory=dict)
    retired: str = ""
    home: Path = Field(Path(), exclude=True, repr=False)


class ModelCard(Card):
    """Everything the program knows of a model that makes clips.

    Attributes:
        pipeline: class name in diffusers.
        sizes: by aspect ratio, as ``width:height``.
        call: further arguments of the pipeline's call.
        precision: dtype on a GPU by component, ``default`` for the others; a CPU holds float32.
        vocabulary: file of the words that the model knows; None where it knows language at large.
        scorer: name of the scorer card.
        rates: measured, the first is the one that estimates use.
        parts: components that come from elsewhere than ``weights``, by name.
        loras: applied in this order, all of them, always.
        scheduler: None takes the folder's own.
        profiles: by name; one that is missing is what the next more exact one is.
        draft: None where it makes none.
        worker: what it needs of a Ray cluster; threads take a whole device each.
    """

    kind: Literal["text-to-video", "image-to-video"]
    pipeline: str
    sizes: dict[str, Size] = Field(min_length=1)
    rules: Rules
    defaults: Defaults
    call: dict[str, JsonValue] = Field(default_factory=dict)
    precision: dict[str, Literal["float32", "bfloat16", "float16"]] = Field({"default": "bfloat16"})
    vocabulary: str | None = None
    scorer: str = "starter-openclip"
    rates: tuple[Rate, ...] = ()
    supports_negative_prompt: bool = True
    parts: dict[str, Weights] = Field(default_factory=dict)
    loras: tuple[Lora, ...] = ()
    scheduler: Scheduler | None = None
    profiles: dict[Profile, Speed] = Field(default_factory=dict)
    draft: Draft | None = None
    memory: Memory | None = None
    worker: Worker = Field(default_factory=Worker)

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        if not self.rules.allows(self.defaults.num_frames):
            raise ValueError("defaults.num_frames breaks rules")
        for ratio, size in self.sizes.items():
            if size.render_height % self.rules.size_multiple or size.render_width % self.rules.size_multiple:
                raise ValueError(f"sizes.{ratio} is not rendered in multiples of {self.rules.size_multiple}")
        return self

    def frames_for(self, duration_s: float) -> int:
        """Return the allowed frame count nearest to a duration in seconds.

        Raises:
            CardRuleError: the nearest count lies outside the card's range; the message has the range and
                the nearest length that can be made.
        """
        wanted = duration_s * self.rules.fps
        nearest = self.rules.nearest(wanted) if math.isfinite(wanted) else 0
        if self.rules.allows(nearest):
            return nearest
        low, high = self.rules.min_frames, self.rules.max_frames
        if low == high:
            raise CardRuleError(f"{self.name} makes clips of {self._seconds(low)} s only, not of {duration_s:g} s")
        best = high if wanted > high else low
        raise CardRuleError(
            f"{self.name} makes clips of {self._seconds(low)} to {self._seconds(high)} s, not of "
            f"{duration_s:g} s; the nearest it can make is {self._seconds(best)} s"
        )

    @property
    def needs_first_frame(self) -> bool:
        """True where a clip starts from an image."""
        return self.kind == "image-to-video"

    def profile_for(self, wanted: str) -> Profile:
        """Return the profile that a wish leads to: itself, or the next more exact one that the card has."""
        known = [name for name in PROFILES if name == wanted]
        slower = PROFILES[: PROFILES.index(known[0]) + 1] if known else ()
        return next((name for name in reversed(slower) if name in self.profiles), "exact")

    def speed_of(self, profile: Profile) -> Speed:
        """Return a profile's settings; plain ones where the card has none for it."""
        return self.profiles.get(profile, Speed())

    def recipe(self, profile: Profile) -> str:
        """Return a digest of all that decides a clip's pixels beside the variant's own fields.

        Who edits the card's call, precision, scheduler, LoRAs or speed makes other variants by it.
        """
        deciding: dict[str, Any] = {
            "pipeline": self.pipeline,
            "call": self.call,
            "precision": self.precision,
            "scheduler": self.scheduler and self.scheduler.model_dump(mode="json"),
            "loras": [[lora.name, lora.weights.revision, lora.file, lora.scale, lora.component] for lora in self.loras],
            "speed": self.speed_of(profile).deciding_pixels(),
            "render sizes": sorted(
                [size.height, size.width, size.render_height, size.render_width] for size in self.sizes.values()
            ),
        }
        if self.parts:
            deciding["parts"] = {name: part.revision for name, part in self.parts.items()}
        return content_id(deciding)[:RECIPE_DIGITS]

    def size_for(self, aspect_ratio: str) -> Size:
        """Return the size of an aspect ratio such as ``16:9``.

        Raises:
            CardRuleError: the card has no such ratio; the message lists those it has.
        """
        if aspect_ratio not in self.sizes:
            known = ", ".join(self.sizes)
            raise CardRuleError(f"{self.name} does not make the aspect ratio {aspect_ratio}; use {known}")
        return self.sizes[aspect_ratio]

    def outside_vocabulary(self, prompt: str) -> tuple[str, ...]:
        """Return the prompt's words that the model does not know, in order, each once.

        Empty where the card has no vocabulary.
        """
        if self.vocabulary is None:
            return ()
        return unknown_words(prompt, load_vocabulary(self.home / self.vocabulary))

    def _seconds(self, num_frames: int) -> str:
        return f"{num_frames / self.rules.fps:.4g}"


class ScorerCard(Card):
    """An OpenCLIP model: a folder or hub id that holds ``open_clip_config.json`` and safetensors."""

    kind: Literal["openclip"]
