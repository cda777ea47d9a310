"""Blend drawn pixels with pictures in I420."""

from typing import NamedTuple, Self

import numpy as np

from adapters.media.compose.yuv import Planes, luma_and_chroma, part_of, yuv_of_rgb

GAP_ROWS = 16
"""Rows without content that are worth a second patch."""
OPAQUE = 256


class Area(NamedTuple):
    """A rectangle in the frame, in even pixels."""

    x: int
    y: int
    width: int
    height: int


class Patch(NamedTuple):
    """A rectangle of drawn pixels, prepared for blending: ``result = (picture * below + above) / 256``.

    Attributes:
        x, y: position in the frame, even.
        colours: the drawn Y, Cb and Cr, uint16 planes; chroma is weighted with alpha.
        alphas: share of the drawn pixels for luma and chroma, uint16, 0..256.
    """

    x: int
    y: int
    colours: Planes
    alphas: tuple[np.ndarray, np.ndarray]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.colours.y.shape
        return width, height

    def faded(self, share: float) -> Self:
        """Return the patch with less alpha."""
        weight = np.uint32(round(share * OPAQUE))
        luma, chroma = ((alpha * weight + 128 >> 8).astype(np.uint16) for alpha in self.alphas)
        return self._replace(alphas=(luma, chroma))

    def moved(self, x: int, y: int) -> Self:
        """Return the patch in another place, rounded to even pixels."""
        return self._replace(x=self.x + round(x / 2) * 2, y=self.y + round(y / 2) * 2)

    def clipped(self, area: Area) -> Self | None:
        """Return the part inside an area; None if there is none."""
        width, height = self.size
        left, top = max(self.x, area.x), max(self.y, area.y)
        right, bottom = min(self.x + width, area.x + area.width), min(self.y + height, area.y + area.height)
        if left >= right or top >= bottom:
            return None
        if (left, top, right, bottom) == (self.x, self.y, self.x + width, self.y + height):
            return self
        x, y = left - self.x, top - self.y
        luma = (slice(y, y + bottom - top), slice(x, x + right - left))
        chroma = (slice(y // 2, (y + bottom - top) // 2), slice(x // 2, (x + right - left) // 2))
        colours = part_of(self.colours, x, y, right - left, bottom - top)
        return self._replace(x=left, y=top, colours=colours, alphas=(self.alphas[0][luma], self.alphas[1][chroma]))

    def prepared(self) -> "Prepared":
        """Compute what does not depend on the picture."""
        luma, chroma = self.alphas
        below = (OPAQUE - luma, OPAQUE - chroma)
        colours = (self.colours.y, np.stack([self.colours.u, self.colours.v]))
        above = tuple(colour * alpha + np.uint16(128) for colour, alpha in zip(colours, self.alphas, strict=True))
        width, height = self.size
        area = Area(self.x, self.y, width, height)
        return Prepared(area, below, (above[0], above[1]), bool((below[0] == 0).all()))


class Prepared(NamedTuple):
    """A patch that can be blended.

    Attributes:
        area: its rectangle in the frame.
        below: what the picture is multiplied with, for luma and for chroma, uint16.
        above: what is added, uint16: for luma (height, width), for both chroma planes (2, height / 2, width / 2).
        is_opaque: whether nothing of the picture is visible under it.
    """

    area: Area
    below: tuple[np.ndarray, np.ndarray]
    above: tuple[np.ndarray, np.ndarray]
    is_opaque: bool

    def covers(self, width: int, height: int) -> bool:
        """Return whether it hides the whole frame."""
        return self.is_opaque and self.area == (0, 0, width, height)

    def blend(self, picture: np.ndarray) -> None:
        """Change a picture."""
        x, y, width, height = self.area
        luma, chroma = luma_and_chroma(picture)
        half = (slice(None), slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2))
        parts = (luma[y : y + height, x : x + width], chroma[half])
        for target, below, above in zip(parts, self.below, self.above, strict=True):
            total = target.astype(np.uint16)
            total *= below
            total += above
            total >>= 8
            target[:] = total


def patches_of(pixels: np.ndarray, x: int, y: int) -> list[Patch]:
    """Convert drawn pixels: uint8 (height, width, 4), straight alpha, at a position that may be odd or negative.

    Rows and columns without content are left out.
    """
    even = _even(pixels, x, y)
    patches = []
    for top, bottom in _bands(np.flatnonzero(even[..., 3].any(axis=1))):
        band = even[top:bottom]
        columns = np.flatnonzero(band[..., 3].any(axis=0))
        left, right = columns[0] // 2 * 2, columns[-1] // 2 * 2 + 2
        patches.append(_patch(band[:, left:right], x // 2 * 2 + int(left), y // 2 * 2 + top))
    return patches


def _even(pixels: np.ndarray, x: int, y: int) -> np.ndarray:
    """Pad with transparent pixels, so that the position and both sides are even."""
    height, width = pixels.shape[:2]
    rows, columns = (y % 2, (height + y) % 2), (x % 2, (width + x) % 2)
    return np.pad(pixels, (rows, columns, (0, 0)))


def _bands(visible: np.ndarray) -> list[tuple[int, int]]:
    """Return the ranges of the visible rows, as even numbers."""
    bands: list[tuple[int, int]] = []
    for row in visible:
        top, bottom = int(row) // 2 * 2, int(row) // 2 * 2 + 2
        if bands and top - bands[-1][1] < GAP_ROWS:
            bands[-1] = (bands[-1][0], bottom)
        else:
            bands.append((top, bottom))
    return bands


def _patch(pixels: np.ndarray, x: int, y: int) -> Patch:
    alpha = pixels[..., 3].astype(np.float32) / 255
    values = yuv_of_rgb(pixels[..., :3])
    chroma_alpha = _quarters(alpha)
    weight = np.maximum(chroma_alpha, 1e-6)
    chroma = [_quarters(values[..., part] * alpha) / weight for part in (1, 2)]
    colours = Planes(*(np.rint(np.clip(plane, 0, 255)).astype(np.uint16) for plane in (values[..., 0], *chroma)))
    luma, fourth = (np.rint(each * OPAQUE).astype(np.uint16) for each in (alpha, chroma_alpha))
    return Patch(x, y, colours, (luma, fourth))


def _quarters(plane: np.ndarray) -> np.ndarray:
    """Return the mean of each square of two by two."""
    height, width = plane.shape
    means: np.ndarray = plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return means
