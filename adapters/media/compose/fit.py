"""Fit the frames of a master to the size of a deliverable: scale, crop along a path, or pad."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from adapters.media.compose.master import Master
from adapters.media.compose.yuv import (
    Planes,
    filled,
    frame_of,
    part_of,
    picture_of,
    planes_of,
    planes_of_frame,
)

SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
CropPath = Sequence[tuple[float, float, float]]
"""(seconds, centre x, centre y), the centre as fractions of the master."""
CENTRE: CropPath = ((0.0, 0.5, 0.5),)
BLUR_PARTS = 24
"""A blurred background is scaled down to this number of pixels on its shorter side, smoothed, and scaled up."""
MARGIN_PX = 16
"""How much more than the window may be scaled, so that both sides are even and the proportions exact."""
STILL_PX = 0.5
"""A path that moves less than this is treated as still, so that it need not be interpolated between pixels."""


class Fitter(Protocol):
    """Fits the frames of one master."""

    def fit(self, frame: av.VideoFrame, seconds: float) -> np.ndarray:
        """Return the picture of a frame that is shown ``seconds`` after the start of the master."""
        ...


class Scaler:
    """Scales within bt709, limited range; keeps the tables of swscale between frames."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def scale(self, frame: av.VideoFrame, width: int, height: int, how: Interpolation = SCALING) -> av.VideoFrame:
        """Return the frame in another size, both sides even."""
        return self._reformatter.reformat(
            frame,
            width,
            height,
            "yuv420p",
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=how,
            threads=1,
        )


class _Axis(NamedTuple):
    """A window that moves along one side of the master.

    Attributes:
        side: length of the master's side.
        window: length of the window, not rounded.
        source: even length of the part that is scaled, a little more than the window.
        scaled: even length of that part after scaling.
        target: length of the deliverable's side.
    """

    side: int
    window: float
    source: int
    scaled: int
    target: int

    def start(self, centre: float) -> tuple[int, float]:
        """Return the even start of the part, and where the window starts in the scaled part, in pixels of it."""
        low = min(max(centre * self.side - self.window / 2, 0.0), self.side - self.window)
        start = min(int(low) // 2 * 2, self.side - self.source)
        return start, min((low - start) * self.scaled / self.source, float(self.scaled - self.target))


def _axis(side: int, window: float, target: int) -> _Axis:
    if side - window < 1:  # nothing is cropped on this side
        return _Axis(side, side, side, target, target)
    zoom, least = target / window, math.ceil(window / 2) * 2 + 2
    sources = range(min(least, side), min(least + MARGIN_PX, side) + 1, 2)
    pairs = [(source, max(target, round(source * zoom / 2) * 2)) for source in sources]
    source, scaled = min(pairs, key=lambda pair: abs(pair[1] / pair[0] - zoom))
    return _Axis(side, window, source, scaled, target)


class Crop:
    """Covers the frame: crops a window of the target's ratio along a path, and scales it.

    A moving window is placed between pixels by linear interpolation, so that slow movements do not jump.
    """

    def __init__(self, master: Master, width: int, height: int, path: CropPath = CENTRE) -> None:
        zoom = max(width / master.width, height / master.height)
        self._size, self._path, self._scaler = (width, height), np.array(path or CENTRE, float), Scaler()
        self._x = _axis(master.width, width / zoom, width)
        self._y = _axis(master.height, height / zoom, height)
        moves = np.ptp(self._path[:, 1:], axis=0) * (master.width, master.height) * zoom
        self._is_still = bool((moves < STILL_PX).all())
        self._place = None if moves.any() else self._window_at(0.0)

    def fit(self, frame: av.VideoFrame, seconds: float) -> np.ndarray:
        """Return the picture of a frame that is shown ``seconds`` after the start of the master."""
        (x, left), (y, top) = self._place or self._window_at(seconds)
        planes = part_of(planes_of_frame(frame), x, y, self._x.source, self._y.source)
        size = (self._x.scaled, self._y.scaled)
        if size != (self._x.source, self._y.source):
            planes = planes_of_frame(self._scaler.scale(frame_of(picture_of(planes)), *size))
        return picture_of(_window(planes, left, top, *self._size)) if size != self._size else picture_of(planes)

    def _window_at(self, seconds: float) -> tuple[tuple[int, float], tuple[int, float]]:
        """Return for both sides the start of the part that is scaled, and that of the window in it."""
        centre = [float(np.interp(seconds, self._path[:, 0], self._path[:, axis])) for axis in (1, 2)]
        (x, left), (y, top) = self._x.start(centre[0]), self._y.start(centre[1])
        return ((x, round(left)), (y, round(top))) if self._is_still else ((x, left), (y, top))


def _window(planes: Planes, left: float, top: float, width: int, height: int) -> Planes:
    """Return a window that may start between pixels."""
    shifted = []
    for number, plane in enumerate(planes):
        part = 1 if number == 0 else 2
        rows = _shifted(plane, top / part, height // part)
        shifted.append(_shifted(rows.T, left / part, width // part).T)
    return Planes(*shifted)


def _shifted(plane: np.ndarray, start: float, length: int) -> np.ndarray:
    """Return ``length`` rows from ``start``, interpolated linearly."""
    first, weight = int(start), round((start - int(start)) * 256)
    if weight == 0 or first + length >= len(plane):
        return plane[first : first + length]
    total = plane[first : first + length] * np.uint16(256 - weight)
    total += plane[first + 1 : first + 1 + length] * np.uint16(weight)
    total += np.uint16(128)
    return (total >> 8).astype(np.uint8)


class Pad:
    """Shows the whole frame, on a blurred copy of itself or on a colour.

    Args:
        colour: sRGB; None for the blurred copy.
    """

    def __init__(self, master: Master, width: int, height: int, colour: tuple[int, int, int] | None = None) -> None:
        zoom = min(width / master.width, height / master.height)
        self._size, self._scaler = (width, height), Scaler()
        self._inner = (min(width, round(master.width * zoom / 2) * 2), min(height, round(master.height * zoom / 2) * 2))
        self._colour = None if colour is None else filled(width, height, colour)
        self._behind = _Blurred(master, width, height)

    def fit(self, frame: av.VideoFrame, seconds: float) -> np.ndarray:
        """Return the picture of a frame; ``seconds`` has no influence."""
        picture = self._behind.picture(frame) if self._colour is None else self._colour.copy()
        even = frame_of(picture_of(planes_of_frame(frame)))
        inner = planes_of_frame(self._scaler.scale(even, *self._inner))
        x, y = ((whole - part) // 4 * 2 for whole, part in zip(self._size, self._inner, strict=True))
        for target, source in zip(part_of(planes_of(picture), x, y, *self._inner), inner, strict=True):
            target[:] = source
        return picture


class _Blurred:
    """A copy that covers the frame, blurred: scaled to a few pixels, smoothed, and scaled up."""

    def __init__(self, master: Master, width: int, height: int) -> None:
        small = BLUR_PARTS / min(width, height)
        tiny = (max(2, round(width * small / 2) * 2), max(2, round(height * small / 2) * 2))
        self._cover, self._down, self._up = Crop(master, *tiny), Scaler(), Scaler()
        self._size = (width, height)

    def picture(self, frame: av.VideoFrame) -> np.ndarray:
        """Return the background of a frame."""
        tiny = self._cover.fit(frame, 0.0)
        for plane in planes_of(tiny):
            plane[:] = _smooth(_smooth(plane).T).T
        return picture_of(planes_of_frame(self._up.scale(frame_of(tiny), *self._size)))


def _smooth(plane: np.ndarray) -> np.ndarray:
    """Return a binomial filter of five rows."""
    padded = np.pad(plane.astype(np.uint16), ((2, 2), (0, 0)), mode="edge")
    rows = len(plane)
    parts = [padded[shift : shift + rows] for shift in range(5)]
    return ((parts[0] + 4 * parts[1] + 6 * parts[2] + 4 * parts[3] + parts[4] + 8) >> 4).astype(np.uint8)
