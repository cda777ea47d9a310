"""A small real clip, as a provider's file."""

import io
from functools import cache

import av
import numpy as np


@cache
def clip_bytes(width: int = 64, height: int = 64, fps: int = 8, seconds: int = 1) -> bytes:
    """Return an MP4 with H.264: a grey square that moves over a shaded ground."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(fps * seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_frame(width, height, index), format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _frame(width: int, height: int, index: int) -> np.ndarray:
    frame = np.tile(np.linspace(0, 200, width, dtype=np.uint8)[None, :, None], (height, 1, 3))
    left = index * 3 % max(width - 16, 1)
    frame[height // 3 : height // 3 + 16, left : left + 16] = 128
    return frame
