"""Speed profiles and drafts of a card."""

from typing import Literal

from pydantic import Field, JsonValue

from models.record import Record

Profile = Literal["exact", "balanced", "fast"]
PROFILES: tuple[Profile, ...] = ("exact", "balanced", "fast")
"""From most exact to fastest. ``exact`` differs from the plain pipeline at most by rounding."""


class StepCache(Record):
    """A step cache of diffusers, which skips work in steps that change little.

    Attributes:
        kind: class name in diffusers without ``Config``, such as ``FirstBlockCache``.
        options: arguments of that class.
    """

    kind: Literal["FirstBlockCache", "MagCache", "TaylorSeerCache", "FasterCache", "PyramidAttentionBroadcast"]
    options: dict[str, JsonValue] = Field(default_factory=dict)


class Speed(Record):
    """Settings of one profile.

    ``step_cache``, ``storage``, ``quantised`` and ``tile_vae`` change pixels and are part of a variant's id. The other
    settings change at most rounding.

    Attributes:
        attention: a backend of ``set_attention_backend``, except those that download code.
        compile: compile the transformer's repeated blocks.
        step_cache: None computes every step in full.
        storage: dtype in which the transformer's weights are stored; computation uses the card's precision.
        offload: keep components (``model``) or blocks (``group``) in main memory and move them when needed.
        quantised: 8-bit type of the transformer's weights if the model fits on no device otherwise; None never
            quantises.
        tile_vae: decode in tiles: less memory, 20 to 30 % slower.
        slice_vae: decode one clip of a batch at a time.
        batch: variants per forward pass; faster below about 4,000 tokens.
    """

    attention: str | None = Field(default=None, pattern=r"^[a-z0-9_]+$")
    compile: bool = False
    step_cache: StepCache | None = None
    storage: Literal["float8_e4m3fn", "float8_e5m2"] | None = None
    offload: Literal["model", "group"] | None = None
    quantised: Literal["float8_e4m3fn", "float8_e5m2"] | None = None
    tile_vae: bool = False
    slice_vae: bool = False
    batch: int = Field(default=1, ge=1)

    def deciding_pixels(self) -> dict[str, JsonValue]:
        """Return the settings that are part of a variant's id; empty for an exact profile."""
        kept = self.model_dump(mode="json", include={"step_cache", "storage", "quantised", "tile_vae"})
        return {name: value for name, value in kept.items() if value}


class Draft(Record):
    """A cheaper clip with the same seed and shape; its score decides whether the variant is finished.

    Attributes:
        num_inference_steps: None for the variant's own.
        guidance_scale: None for the variant's own.
        step_cache: as in Speed.
        correlation: measured correlation of draft and final scores, -1..1; each run also measures it.
        cost: device time of a draft, as a share of the final's.
    """

    num_inference_steps: int | None = Field(default=None, gt=0)
    guidance_scale: float | None = Field(default=None, ge=0)
    step_cache: StepCache | None = None
    correlation: float | None = Field(default=None, ge=-1, le=1)
    cost: float | None = Field(default=None, gt=0)
