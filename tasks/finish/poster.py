"""Choose the frame of a deliverable's poster."""

from collections.abc import Iterator

from adapters.media.compose.overlay import IN_PLACE, Overlay
from manifests.finish.length import FramePlan
from tasks.finish.parts import Parts


def poster_index(parts: Parts) -> int:
    """Return the frame of the footage in which most layers are in place.

    Among those, frames in which shots or captions do not change are preferred, then those near the middle.
    """
    plan, drawn = parts.footage.plan, parts.layers.drawn
    size = (parts.spec.width, parts.spec.height)
    first_caption = len(drawn) - parts.layers.captions
    layers, captions = (Overlay(part, plan.fps, *size) for part in (drawn[:first_caption], drawn[first_caption:]))
    crossfades, middle = set(_crossfades(plan)), plan.intro + plan.footage // 2

    def rank(index: int) -> tuple[int, int, bool, int, int]:
        moving = _moving(layers, index)
        in_place = len(layers.moments(index)) - moving
        return moving - in_place, moving, index in crossfades, _moving(captions, index), abs(index - middle)

    return min(range(plan.intro, plan.intro + plan.footage), key=rank)


def _moving(overlay: Overlay, index: int) -> int:
    """Return how many layers are entering or leaving at a frame."""
    return sum(moment != IN_PLACE for moment in overlay.moments(index))


def _crossfades(plan: FramePlan) -> Iterator[int]:
    """Yield the frames in which two shots are mixed."""
    end = plan.intro
    for piece in plan.pieces:
        yield from range(end - piece.overlap, end)
        end += piece.frames - piece.overlap
