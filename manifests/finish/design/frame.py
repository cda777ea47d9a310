"""The frame that layers are drawn for."""

from typing import NamedTuple

from manifests.placements.preset import SafeZone


class Frame(NamedTuple):
    """Size and time line of a deliverable.

    Attributes:
        width, height: in pixels, both even.
        aspect_ratio: ``9:16``.
        fps: frames per second.
        intro_s, footage_s, end_card_s: lengths of the parts, which follow each other, in seconds.
        safe_zone: margins that the platform covers.
    """

    width: int
    height: int
    aspect_ratio: str
    fps: float
    intro_s: float
    footage_s: float
    end_card_s: float
    safe_zone: SafeZone = SafeZone()

    @property
    def seconds(self) -> float:
        """Length of the whole deliverable."""
        return self.intro_s + self.footage_s + self.end_card_s
