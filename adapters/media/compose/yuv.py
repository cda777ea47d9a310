"""Pictures in I420: the three planes of yuv420p in one array, bt709, limited range.

A picture is uint8 (height * 3 // 2, width), contiguous, height and width even: luma, then both chroma planes. The
encoder takes such arrays without a copy, and blending in them needs no conversion of the footage.
"""

from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from adapters.media.video_frames import TO_RGB

RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722
"""Luma coefficients of bt709 (ITU-R BT.709-6, item 3.2)."""


class Planes(NamedTuple):
    """The planes of a picture, as views: uint8 (height, width), and twice (height / 2, width / 2)."""

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray


def empty(width: int, height: int) -> np.ndarray:
    """Return a picture without content."""
    return np.empty((height * 3 // 2, width), np.uint8)


def size_of(picture: np.ndarray) -> tuple[int, int]:
    """Return width and height in pixels."""
    return picture.shape[1], picture.shape[0] * 2 // 3


def planes_of(picture: np.ndarray) -> Planes:
    """Return the planes of a picture. Writing to them changes the picture."""
    luma, chroma = luma_and_chroma(picture)
    return Planes(luma, chroma[0], chroma[1])


def luma_and_chroma(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return views of a picture: uint8 (height, width), and both chroma planes (2, height / 2, width / 2)."""
    width, height = size_of(picture)
    flat = picture.reshape(-1)
    chroma = flat[width * height :].reshape(2, height // 2, width // 2)
    return flat[: width * height].reshape(height, width), chroma


def planes_of_frame(frame: av.VideoFrame) -> Planes:
    """Return the planes of a yuv420p frame, without the last row or column if their number is odd."""
    height, width = frame.height // 2 * 2, frame.width // 2 * 2
    views = []
    for number, plane in enumerate(frame.planes):
        rows, columns = (height, width) if number == 0 else (height // 2, width // 2)
        whole = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        views.append(whole[:rows, :columns])
    return Planes(*views)


def picture_of(planes: Planes) -> np.ndarray:
    """Copy planes, which may be views of a larger picture, to a picture."""
    height, width = planes.y.shape
    picture = empty(width, height)
    for target, source in zip(planes_of(picture), planes, strict=True):
        target[:] = source
    return picture


def part_of(planes: Planes, x: int, y: int, width: int, height: int) -> Planes:
    """Return a view of a rectangle; all numbers are even."""
    half = (slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2))
    return Planes(planes.y[y : y + height, x : x + width], planes.u[half], planes.v[half])


def frame_of(picture: np.ndarray) -> av.VideoFrame:
    """Return a frame of a picture; it shares the picture's memory if its height is a multiple of four.

    PyAV 18 rounds other heights of shared yuv420p pictures down, and then reads the chroma planes at the wrong place.
    """
    width, height = size_of(picture)
    if height % 4 == 0:
        return av.VideoFrame.from_numpy_buffer(picture, format="yuv420p")
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, pixels in zip(frame.planes, planes_of(picture), strict=True):
        padded = np.zeros((pixels.shape[0], plane.line_size), np.uint8)
        padded[:, : pixels.shape[1]] = pixels
        plane.update(padded.tobytes())
    return frame


def rgb_of(picture: np.ndarray) -> np.ndarray:
    """Convert a picture to sRGB: uint8 (height, width, 3)."""
    pixels: np.ndarray = (
        VideoReformatter()
        .reformat(
            frame_of(picture),
            format="rgb24",
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=TO_RGB,
            threads=1,
        )
        .to_ndarray()
    )
    return pixels


def yuv_of_rgb(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB pixels to Y, Cb and Cr of bt709, limited range: float32 (..., 3), not rounded."""
    scaled = rgb.astype(np.float32) / 255
    red, green, blue = scaled[..., 0], scaled[..., 1], scaled[..., 2]
    luma = RED * red + GREEN * green + BLUE * blue
    blue_difference, red_difference = (blue - luma) / (2 - 2 * BLUE), (red - luma) / (2 - 2 * RED)
    return np.stack([16 + 219 * luma, 128 + 224 * blue_difference, 128 + 224 * red_difference], axis=-1)


def filled(width: int, height: int, colour: tuple[int, int, int]) -> np.ndarray:
    """Return a picture of one sRGB colour."""
    picture = empty(width, height)
    values = np.rint(yuv_of_rgb(np.array(colour)))
    for plane, value in zip(planes_of(picture), values, strict=True):
        plane[:] = int(value)
    return picture


def mixed(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Return a crossfade of two pictures; ``share`` is that of ``after``, 0 to 1."""
    weight = round(share * 256)
    total = before.astype(np.uint16) * np.uint16(256 - weight)
    total += after.astype(np.uint16) * np.uint16(weight)
    total += np.uint16(128)
    return (total >> 8).astype(np.uint8)
