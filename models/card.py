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
from models.card_parts import (
    RECIPE_DIGITS,
    CardProfile,
    Defaults,
    Distilled,
    FrameSize,
    Lora,
    Memory,
    Rate,
    Rules,
    Scheduler,
    Size,
    Weights,
    Worker,
)
from models.licence import Licence
from models.record import Record
from models.speed import PROFILES, Profile, Speed
from models.vocabulary import load_vocabulary, unknown_words

Condition = Literal["last_frame", "references", "earlier_frames"]
CONDITIONS: dict[str, str] = {
    "last_frame": "a last frame",
    "references": "reference pictures",
    "earlier_frames": "a clip that it continues",
}
"""What each condition is called in messages."""


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


class LocalCard(Card):
    """A model with weights on this machine."""

    weights: Weights


class PipelineCard(LocalCard):
    """A model that diffusers runs.

    Attributes:
        pipeline: class name in diffusers.
        precision: dtype on a GPU by component, ``default`` for the others; a CPU always uses float32.
        parts: components that are not loaded from ``weights``, by name.
    """

    pipeline: str
    precision: dict[str, Literal["float32", "bfloat16", "float16"]] = Field({"default": "bfloat16"})
    parts: dict[str, Weights] = Field(default_factory=dict)


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


class ModelCard(GeneratorCard, PipelineCard):
    """A model that runs on a local device.

    Attributes:
        call: further arguments of the pipeline's call.
        scheduler: None for the folder's own.
        worker: resources on a Ray cluster; with threads, each worker uses a whole device.
    """

    kind: Literal["text-to-video", "image-to-video"]
    sizes: dict[str, Size] = Field(min_length=1)
    rules: Rules
    defaults: Defaults
    call: dict[str, JsonValue] = Field(default_factory=dict)
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


class ScorerCard(LocalCard):
    """An OpenCLIP model: a folder or hub id with ``open_clip_config.json`` and safetensors files."""

    kind: Literal["openclip"]
