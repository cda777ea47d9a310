"""A drawn layer: the interface between drawing and compositing."""

from dataclasses import dataclass

import numpy as np

from manifests.finish.design.template import NO_MOTION, Motion


@dataclass(frozen=True, slots=True)
class DrawnLayer:
    """Pixels that are put on the frames for some time.

    Attributes:
        name: of the template's layer, or ``caption 3``.
        pixels: uint8 (height, width, 4), sRGB with straight alpha.
        x, y: position of the top left corner in the frame, in pixels; may be negative.
        start_s, end_s: when it is visible, in seconds from the start of the deliverable.
        enter, leave: animations inside this time.
        painted: layers of a card that are part of its pixels, in their places.
    """

    name: str
    pixels: np.ndarray
    x: int
    y: int
    start_s: float
    end_s: float
    enter: Motion = NO_MOTION
    leave: Motion = NO_MOTION
    painted: tuple["DrawnLayer", ...] = ()
