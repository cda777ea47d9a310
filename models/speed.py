"""Speed profiles of a card."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from models.record import Record

Profile = Literal["exact", "balanced", "fast"]
PROFILES: tuple[Profile, ...] = ("exact", "balanced", "fast")
"""From most exact to fastest. ``exact`` differs from the plain pipeline at most by rounding."""
Backend = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
Architecture = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")]
APPROXIMATE = "sage"
"""Part of the names of attention backends that multiply in 8 bits: they change more than rounding."""


class StepCache(Record):
    """A step cache of diffusers, which skips work in steps that change little.

    Attributes:
        kind: class name in diffusers without ``Config``, such as ``FirstBlockCache``.
        options: arguments of that class.
    """

    kind: Literal[
        "FirstBlockCache", "MagCache", "SeaCache", "TaylorSeerCache", "FasterCache", "PyramidAttentionBroadcast"
    ]
    options: dict[str, JsonValue] = Field(default_factory=dict)


class Speed(Record):
    """Settings of one profile.

    ``step_cache``, ``storage``, ``quantised``, ``tile_vae`` and attention in 8 bits change pixels and are part of a
    variant's id. The other settings change at most rounding.

    Attributes:
        attention: a backend of ``set_attention_backend``, except those that download code; or a backend for each CUDA
            compute capability, such as ``{"9.0": "_native_cudnn"}``, and torch's default on other devices.
        compile: compile the transformer's repeated blocks.
        step_cache: None computes every step in full.
        storage: dtype in which the transformer's weights are stored; computation uses the card's precision.
        offload: keep components (``model``) or blocks (``group``) in main memory and move them when needed.
        quantised: 8-bit type of the transformer's weights if the model fits on no device otherwise; None never
            quantises.
        tile_vae: decode in tiles: less memory, 20 to 30 % slower.
        slice_vae: decode one clip of a batch at a time.
        channels_last_vae: store the convolutions of the VAE with the channels last, on CUDA devices only: a CPU
            decodes more slowly that way.
        batch: variants per forward pass; faster below about 4,000 tokens.
        evidence: the measurements or published figures that support the settings, one sentence each with its source.
    """

    attention: Backend | dict[Architecture, Backend] | None = None
    compile: bool = False
    step_cache: StepCache | None = None
    storage: Literal["float8_e4m3fn", "float8_e5m2"] | None = None
    offload: Literal["model", "group"] | None = None
    quantised: Literal["float8_e4m3fn", "float8_e5m2"] | None = None
    tile_vae: bool = False
    slice_vae: bool = False
    channels_last_vae: bool = False
    batch: int = Field(default=1, ge=1)
    evidence: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.compile and (self.storage or self.quantised):
            raise ValueError("compile excludes storage and quantised: torch cannot compile layers that diffusers casts")
        if self.batch > 1 and self.step_cache:
            raise ValueError("batch excludes step_cache: the cache decides for a whole batch, which changes its clips")
        return self

    def attention_on(self, architecture: str) -> str | None:
        """Return the attention backend for a CUDA compute capability such as ``9.0``; empty for another device."""
        return self.attention.get(architecture) if isinstance(self.attention, dict) else self.attention

    def deciding_pixels(self) -> dict[str, JsonValue]:
        """Return the settings that are part of a variant's id; empty for an exact profile."""
        kept = self.model_dump(mode="json", include={"step_cache", "storage", "quantised", "tile_vae"})
        if APPROXIMATE in str(self.attention):
            kept["attention"] = self.attention
        return {name: value for name, value in kept.items() if value}
