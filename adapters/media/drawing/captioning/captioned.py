"""Draw a template and captions together: both become smaller until the captions cover nothing."""

from collections.abc import Callable, Sequence

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.captioning.clearance import clear_of_layers
from manifests.errors import FinishError
from manifests.finish.design.frame import Frame
from manifests.finish.design.template import FinishTemplate

SCALES = (1.0, 0.85, 0.7, 0.55, 0.42)
"""How much logos, texts and captions are made smaller, in this order."""
Draw = Callable[[float], Sequence[DrawnLayer]]


def captioned_layers(
    template: FinishTemplate, frame: Frame, draw: Draw, draw_captions: Draw
) -> tuple[list[DrawnLayer], list[DrawnLayer]]:
    """Return the layers of a template and the captions, at the largest scale at which the captions find a place.

    Vertical placements may leave less than half of the frame's height to logo, texts and captions.

    Args:
        draw, draw_captions: draw at a scale, at most 1.

    Raises:
        FinishError: they do not fit at any scale; the message is that of the largest.
    """
    first: FinishError | None = None
    for scale in SCALES:
        try:
            layers = draw(scale)
            return list(layers), clear_of_layers(draw_captions(scale), template, layers, frame)
        except FinishError as error:
            first = first or error
    raise first or FinishError()
