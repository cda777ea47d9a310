"""One thing to generate; its id is the hash of everything that determines its pixels, and of its campaign."""

from typing import Any, NamedTuple

from manifests.identity import content_id
from manifests.placement import Placement

ADDED = frozenset(
    {"profile", "recipe", "campaign_id", "last_frame_sha256", "reference_sha256s", "earlier_frames_sha256"}
)
"""Fields that were added later. At their defaults they are left out of the id, so that old ids do not change."""


class Variant(NamedTuple):
    """Generation inputs, named as in diffusers.

    Attributes:
        card: name of the model card.
        revision: the card's pinned revision of its weights.
        height, width: size of the final frames in pixels (after the card's crop).
        fps: frames per second of the clip.
        loras: names of LoRAs, in the order in which they are applied.
        first_frame_sha256: hash of the first-frame file, for image-to-video cards.
        profile: speed profile of the card.
        recipe: digest of everything else on the card that determines the pixels; empty in variants that were planned
            before it was recorded.
        campaign_id: campaign that owns the clip; empty if campaigns share it. It does not determine pixels, but gives
            each campaign its own review, credential and objects.
        last_frame_sha256: hash of the file of the picture that the clip ends with; empty if there is none.
        reference_sha256s: hashes of the files of pictures of what the clip shows, in the order of the sheet.
        earlier_frames_sha256: hash of the video file whose last frames the clip continues; empty if there is none.
    """

    card: str
    revision: str
    prompt: str
    negative_prompt: str
    seed: int
    height: int
    width: int
    num_frames: int
    fps: int
    num_inference_steps: int
    guidance_scale: float
    loras: tuple[str, ...] = ()
    first_frame_sha256: str = ""
    profile: str = "exact"
    recipe: str = ""
    campaign_id: str = ""
    last_frame_sha256: str = ""
    reference_sha256s: tuple[str, ...] = ()
    earlier_frames_sha256: str = ""

    @property
    def variant_id(self) -> str:
        """32 hex digits; equal inputs give equal ids on any machine."""
        return content_id(self.identity)

    @property
    def shared(self) -> "Variant":
        """The variant without its campaign; variants that are equal in this form have the same pixels."""
        return self._replace(campaign_id="")

    @property
    def conditions(self) -> tuple[str, ...]:
        """The names of the optional conditions that the variant has, as cards name them."""
        given = {
            "last_frame": self.last_frame_sha256,
            "references": self.reference_sha256s,
            "earlier_frames": self.earlier_frames_sha256,
        }
        return tuple(name for name, value in given.items() if value)

    @property
    def identity(self) -> dict[str, Any]:
        """The fields that are hashed into the id, as canonical JSON."""
        defaults = self._field_defaults
        return {name: value for name, value in self._asdict().items() if name not in ADDED or value != defaults[name]}

    @property
    def shape_group(self) -> tuple[Any, ...]:
        """The values that all variants of a shard share, so that nothing is recompiled or reloaded."""
        return (
            self.card,
            self.loras,
            self.height,
            self.width,
            self.num_frames,
            self.num_inference_steps,
            self.guidance_scale,
            self.profile,
        )


class PlannedVariant(NamedTuple):
    """A variant of one brief and placement; ``labels`` are the (column, value) pairs of its axes."""

    brief_id: str
    placement: Placement
    variant: Variant
    variant_id: str
    labels: tuple[tuple[str, str], ...] = ()
