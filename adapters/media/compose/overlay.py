"""Put drawn layers on pictures, at exact frames and with their animations."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from adapters.media.compose.blend import Area, Patch, Prepared, patches_of
from adapters.media.compose.layer import DrawnLayer
from manifests.finish.design.template import Motion


class Moment(NamedTuple):
    """The animation of a layer at one frame.

    Attributes:
        kind: of the motion, or ``none``.
        share: how far the layer has arrived: 0 is absent, 1 in place.
        leaves: whether it disappears.
    """

    kind: str = "none"
    share: float = 1.0
    leaves: bool = False


IN_PLACE = Moment()
DIRECTIONS = {"slide-left": (-1, 0), "slide-right": (1, 0), "slide-up": (0, -1), "slide-down": (0, 1)}
"""To the right and down."""
SLIDE = 0.06
"""How far a layer slides while it fades, as a fraction of the frame's shorter side, so that it hardly crosses others.

Cards that fill the frame slide in from outside and do not fade.
"""


class _TimedLayer:
    """A layer with its times in frames."""

    def __init__(self, layer: DrawnLayer, fps: Fraction, width: int, height: int) -> None:
        self.start = round(Fraction(layer.start_s) * fps)
        self.end = max(self.start + 1, round(Fraction(layer.end_s) * fps))
        self._enter, self._leave, self._fps = layer.enter, layer.leave, fps
        self._entering, self._leaving = self._frames(layer.enter), self._frames(layer.leave)
        self._frame, self._x, self._y = Area(0, 0, width, height), layer.x, layer.y
        self._height, self._width = layer.pixels.shape[:2]
        self._pixels: np.ndarray | None = layer.pixels
        self._patches: list[Patch] = []
        self._still: list[Prepared] | None = None

    def moment(self, index: int) -> Moment:
        """Return the animation at a frame at which the layer is visible."""
        if index - self.start < self._entering:
            return Moment(self._enter.kind, (index - self.start + 1) / (self._entering + 1))
        if self.end - index <= self._leaving:
            return Moment(self._leave.kind, (self.end - index) / (self._leaving + 1), True)
        return IN_PLACE

    def prepared(self, moment: Moment) -> list[Prepared]:
        """Return what is blended."""
        if moment == IN_PLACE:
            if self._still is None:
                self._still = self._clipped(self._drawn())
            return self._still
        return self._clipped(self._animated(moment), self._uncovered(moment))

    def forget(self) -> None:
        """Free the memory of a layer that is not visible again."""
        self._pixels, self._patches, self._still = None, [], None

    def _frames(self, motion: Motion) -> int:
        """Return the length of a motion: two motions share the time of a layer that is too short for both."""
        frames = 0 if motion.kind == "none" else round(Fraction(motion.seconds) * self._fps)
        both = sum(each.seconds for each in (self._enter, self._leave) if each.kind != "none")
        longest = int((self.end - self.start) * motion.seconds / both) if both else 0
        return min(frames, longest)

    def _drawn(self) -> list[Patch]:
        if self._pixels is not None:
            self._patches, self._pixels = patches_of(self._pixels, self._x, self._y), None
        return self._patches

    def _animated(self, moment: Moment) -> list[Patch]:
        patches = self._drawn()
        if moment.kind == "fade" or (moment.kind in DIRECTIONS and not self._fills_frame):
            patches = [patch.faded(moment.share) for patch in patches]
        x, y = self._distance(moment)
        return [patch.moved(x, y) for patch in patches]

    def _distance(self, moment: Moment) -> tuple[int, int]:
        """Return how far a sliding layer is from its place: it comes from behind, and leaves to the front."""
        right, down = DIRECTIONS.get(moment.kind, (0, 0))
        away = (1 - moment.share) ** 2 * (1 if moment.leaves else -1)  # slow near the place
        reach = SLIDE * min(self._frame.width, self._frame.height)
        across, up = (self._frame.width, self._frame.height) if self._fills_frame else (reach, reach)
        return round(away * right * across), round(away * down * up)

    @property
    def _fills_frame(self) -> bool:
        return bool(self._width >= self._frame.width and self._height >= self._frame.height)

    def _uncovered(self, moment: Moment) -> Area:
        """Return the visible area: a wipe moves its edge from left to right."""
        if moment.kind != "wipe":
            return self._frame
        covered = round(self._width * (1 - moment.share if moment.leaves else moment.share) / 2) * 2
        edge = self._x // 2 * 2 + covered
        if moment.leaves:
            return Area(edge, 0, max(0, self._frame.width - edge), self._frame.height)
        return Area(0, 0, max(0, edge), self._frame.height)

    def _clipped(self, patches: Iterable[Patch], visible: Area | None = None) -> list[Prepared]:
        inside = (patch.clipped(self._frame) for patch in patches)
        seen = (patch.clipped(visible or self._frame) for patch in inside if patch)
        return [patch.prepared() for patch in seen if patch]


class Overlay:
    """Puts layers on the pictures of a deliverable, from back to front.

    A layer is visible from the frame nearest to its start to before the frame nearest to its end.
    """

    def __init__(self, layers: Sequence[DrawnLayer], fps: Fraction, width: int, height: int) -> None:
        self._layers = [_TimedLayer(layer, fps, width, height) for layer in layers]
        self._size = (width, height)

    def over(self, pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the pictures with the layers; do not change them. Given pictures are changed unless read-only."""
        before: tuple[np.ndarray | None, list[tuple[_TimedLayer, Moment]], np.ndarray | None] = (None, [], None)
        for index, picture in enumerate(pictures):
            active = self._active(index)
            if not active:
                yield picture
                continue
            below, states, made = before
            if made is None or below is not picture or states != active:
                made = self._blended(picture, active)
            before = (picture, active, made)
            yield made

    def moments(self, index: int) -> list[Moment]:
        """Return the animations of the layers that are visible at a frame, from back to front."""
        return [layer.moment(index) for layer in self._layers if layer.start <= index < layer.end]

    def _active(self, index: int) -> list[tuple[_TimedLayer, Moment]]:
        for layer in self._layers:
            if layer.end == index:
                layer.forget()
        return [(layer, layer.moment(index)) for layer in self._layers if layer.start <= index < layer.end]

    def _blended(self, picture: np.ndarray, active: Sequence[tuple[_TimedLayer, Moment]]) -> np.ndarray:
        patches = [patch for layer, moment in active for patch in layer.prepared(moment)]
        hidden = [number for number, patch in enumerate(patches) if patch.covers(*self._size)]
        made = picture if picture.flags.writeable else picture.copy()
        for patch in patches[hidden[-1] if hidden else 0 :]:
            patch.blend(made)
        return made
