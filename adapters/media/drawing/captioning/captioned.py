"""Draw a template and captions together: both become smaller until the captions cover nothing."""

from collections.abc import Callable, Sequence

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.captioning.clearance import clear_of_layers
from manifests.errors import FinishError
from manifests.finish.design.frame import Frame
from manifests.finish.design.template import FinishTemplate

SCALES = (1.0, 0.85, 0.7, 0.55, 0.42)
"""How much logos, texts and captions are made smaller, in this order."""
_TRIES = (
    *((scale, 1.0, True) for scale in SCALES),
    *((scale, scale, True) for scale in SCALES),
    *((scale, 1.0, False) for scale in SCALES),
)
"""Scales of the layers over the footage and of the cards, and whether the captions keep clear of cards."""
Draw = Callable[[float, float], Sequence[DrawnLayer]]
"""Draws the layers of a template: those over the footage at one scale, and those of cards at another one."""
DrawCaptions = Callable[[float], Sequence[DrawnLayer]]


def captioned_layers(
    template: FinishTemplate, frame: Frame, draw: Draw, draw_captions: DrawCaptions
) -> tuple[list[DrawnLayer], list[DrawnLayer]]:
    """Return the layers of a template and the captions, at the largest scale at which the captions find a place.

    Vertical placements may leave less than half of the frame's height to logo, texts and captions. Cards become smaller
    only for captions of a voice that continues over them. If a card leaves no room at any scale, these captions cover
    texts of the card, which stay longer.

    Args:
        draw, draw_captions: draw at scales of at most 1.

    Raises:
        FinishError: they do not fit at any scale; the message is that of the largest.
    """
    first: FinishError | None = None
    for scale, of_cards, is_clear in _TRIES:
        try:
            layers = draw(scale, of_cards)
            return list(layers), clear_of_layers(draw_captions(scale), template, layers, frame, of_cards=is_clear)
        except FinishError as error:
            first = first or error
    raise first or FinishError()
