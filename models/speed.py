"""How fast a card may be run: settings of diffusers under three names, and drafts."""

from typing import Literal

from pydantic import Field, JsonValue

from models.record import Record

Profile = Literal["exact", "balanced", "fast"]
PROFILES: tuple[Profile, ...] = ("exact", "balanced", "fast")
"""From nothing lost to most lost. ``exact`` differs from the plain pipeline by rounding at most."""


class StepCache(Record):
    """A cache of diffusers that skips work in steps that change little.

    Attributes:
        kind: class name in diffusers without ``Config``, such as ``FirstBlockCache``.
        options: arguments of that class.
    """

    kind: Literal["FirstBlockCache", "MagCache", "TaylorSeerCache", "FasterCache", "PyramidAttentionBroadcast"]
    options: dict[str, JsonValue] = Field(default_factory=dict)


class Speed(Record):
    """Settings of one profile.

    ``step_cache``, ``storage`` and ``tile_vae`` change pixels and are part of a variant's id; the
    others change rounding at most.

    Attributes:
        attention: a backend that ``set_attention_backend`` knows; none that fetches code.
        compile: regional compile of the transformer's repeated blocks.
        step_cache: None computes every step in full.
        storage: dtype in which the transformer's weights lie; they are computed with in the card's precision.
        offload: what waits in the machine's memory: ``model`` moves components, ``group`` moves blocks.
        tile_vae: decode in tiles: less memory, 20 to 30 % slower.
        slice_vae: decode one clip of a batch at a time.
        batch: variants in one forward; pays below about 4,000 tokens.
    """

    attention: str | None = Field(default=None, pattern=r"^[a-z0-9_]+$")
    compile: bool = False
    step_cache: StepCache | None = None
    storage: Literal["float8_e4m3fn", "float8_e5m2"] | None = None
    offload: Literal["model", "group"] | None = None
    tile_vae: bool = False
    slice_vae: bool = False
    batch: int = Field(default=1, ge=1)

    def deciding_pixels(self) -> dict[str, JsonValue]:
        """Return what belongs into a variant's id; empty for a profile that loses nothing."""
        kept = self.model_dump(mode="json", include={"step_cache", "storage", "tile_vae"})
        return {name: value for name, value in kept.items() if value}


class Draft(Record):
    """A cheaper clip of the same seed and shape, by whose score it is decided what to finish.

    Attributes:
        num_inference_steps: None keeps the variant's.
        step_cache: as in Speed.
        correlation: of a draft's score with the final's, -1..1, as measured; the run measures its own.
        cost: device time of a draft, as a share of the final's.
    """

    num_inference_steps: int | None = Field(default=None, gt=0)
    step_cache: StepCache | None = None
    correlation: float | None = Field(default=None, ge=-1, le=1)
    cost: float | None = Field(default=None, gt=0)
