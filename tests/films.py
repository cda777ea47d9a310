"""Small films whose frames are recognisable, for tests of compositing."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from adapters.media.compose.yuv import planes_of
from adapters.media.video import encode

FIRST_LEVEL, STEP = 20, 6


def write_film(path: Path, number: int, fps: int = 24, size: tuple[int, int] = (96, 64), first: int = 0) -> Path:
    """Write frames of one grey each, which tells their index."""
    levels = FIRST_LEVEL + STEP * (first + np.arange(number))
    width, height = size
    frames = np.broadcast_to(levels[:, None, None, None], (number, height, width, 3)).astype(np.uint8)
    encode(frames, fps, path, crf=1)
    return path


def write_variable_film(path: Path, times_ms: Sequence[int], size: tuple[int, int] = (97, 65)) -> Path:
    """Write an MKV with an odd size whose frames start at these times."""
    width, height = size
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, time in enumerate(times_ms):
            pixels = np.full((height, width, 3), FIRST_LEVEL + STEP * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv444p")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def index_of(picture: np.ndarray) -> int:
    """Return which frame of a film an I420 picture shows, by its middle."""
    luma = planes_of(picture).y
    height, width = luma.shape
    middle = luma[height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4].mean()
    return round(((middle - 16) / 219 * 255 - FIRST_LEVEL) / STEP)
