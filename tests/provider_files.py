"""Video files as providers write them, with colours computed by the formulas of ITU-T H.273, not by a library."""

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

COLOURS = ((200, 40, 60), (20, 180, 240), (40, 200, 70), (230, 220, 60))
"""Colours of the four quarters of each frame."""
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Luma weights of red and blue by matrix."""
TONE_HZ = 440


class Look(NamedTuple):
    """How the colours of a file are stored and tagged.

    Attributes:
        matrix: number of ITU-T H.273 with which they are computed.
        tag: matrix in the tags; 2 for none.
    """

    matrix: int = 1
    tag: int = 1
    full_range: bool = False
    pix_fmt: str = "yuv420p"
    codec: str = "libx264"


HD = Look()
"""The usual look: H.264 in bt709, with tags."""


def write_file(
    path: Path,
    look: Look = HD,
    *,
    height: int = 96,
    width: int = 160,
    num_frames: int = 24,
    fps: Fraction | int = 24,
    sound: str | None = "aac",
    times: list[Fraction] | None = None,
    muxer: str = "mp4",
    movflags: str = "+faststart",
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a video whose quarters have the colours of COLOURS, with a moving grey square in its middle.

    Args:
        times: of the frames, in seconds; None for a constant rate.
    """
    coding = {"crf": "4", "preset": "ultrafast"} if look.codec in ("libx264", "libx265") else {}
    if look.codec == "libx265":
        coding["x265-params"] = "log-level=none"
    muxing = {"movflags": movflags} if muxer in ("mp4", "mov") and movflags else {}
    with av.open(str(path), "w", format=muxer, options=muxing) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(look.codec, rate=fps, options=coding | (options or {}))
        stream.height, stream.width, stream.pix_fmt = height, width, look.pix_fmt
        context = stream.codec_context
        context.colorspace, context.color_range = look.tag, 2 if look.full_range else 1
        context.color_primaries = context.color_trc = look.tag
        if times:
            context.time_base = Fraction(1, 90_000)
        heard = container.add_stream(sound, rate=48_000, layout="stereo") if sound else None
        for index in range(num_frames):
            frame = _frame(look, height, width, index)
            frame.pts, frame.time_base = (
                (round(times[index] * 90_000), Fraction(1, 90_000)) if times else (index, 1 / Fraction(fps))
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if heard:
            _write_tone(container, heard, num_frames / float(fps))
    return path


def quarters(frame: np.ndarray) -> list[tuple[float, ...]]:
    """Return the mean colours of the quarters of a frame (height, width, 3), away from their edges."""
    height, width = frame.shape[:2]
    return [
        tuple(frame[row : row + height // 8, column : column + width // 8].reshape(-1, 3).mean(axis=0))
        for row in (height // 16, height * 13 // 16)
        for column in (width // 16, width * 13 // 16)
    ]


def colour_error(frame: np.ndarray) -> float:
    """Return the largest deviation of a frame's quarters from COLOURS, in levels."""
    return float(np.abs(np.array(quarters(frame)) - np.array(COLOURS)).max())


def sound_packets(path: Path) -> list[bytes]:
    """Return the sound of a file as it is stored."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]


def stored_packets(path: Path) -> dict[str, list[bytes]]:
    """Return pictures and sound of a file as they are stored, by kind."""
    found: dict[str, list[bytes]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                found.setdefault(packet.stream.type, []).append(bytes(packet))
    return found


def _frame(look: Look, height: int, width: int, index: int) -> av.VideoFrame:
    rgb = np.empty((height, width, 3))
    for number, colour in enumerate(COLOURS):
        rows = slice(0, height // 2) if number < 2 else slice(height // 2, None)
        columns = slice(0, width // 2) if number % 2 == 0 else slice(width // 2, None)
        rgb[rows, columns] = colour
    left = width // 4 + index % (width // 4)
    rgb[height * 3 // 8 : height * 5 // 8, left : left + width // 4] = 128
    deep = look.pix_fmt.endswith("10le")
    planes = [_plane(part, deep) for part in _yuv(rgb / 255, look)]
    dtype = np.uint16 if deep else np.uint8
    chroma = "422" if "422" in look.pix_fmt else "444" if "444" in look.pix_fmt else "420"
    down, right = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}[chroma]
    frame = av.VideoFrame(width, height, look.pix_fmt)
    for plane, values in zip(frame.planes, [planes[0], *(part[::down, ::right] for part in planes[1:])], strict=True):
        padded = np.zeros((plane.height, plane.line_size // np.dtype(dtype).itemsize), dtype)
        padded[:, : values.shape[1]] = values
        plane.update(padded.tobytes())
    return frame


def _yuv(rgb: np.ndarray, look: Look) -> list[np.ndarray]:
    """Return luma and chroma in levels of 8 bits."""
    red, blue = LUMA[look.matrix]
    luma = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    chroma = [(rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))]
    if look.full_range:
        return [255 * luma, *(128 + 255 * part for part in chroma)]
    return [16 + 219 * luma, *(128 + 224 * part for part in chroma)]


def _plane(levels: np.ndarray, deep: bool) -> np.ndarray:
    if deep:
        return np.clip(np.rint(levels * 4), 0, 1023).astype(np.uint16)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _write_tone(container: Any, stream: Any, seconds: float) -> None:
    number = round(48_000 * seconds)
    wave = 0.3 * np.sin(2 * np.pi * TONE_HZ * np.arange(number) / 48_000)
    size = stream.codec_context.frame_size or 1024
    for start in range(0, number, size):
        part = np.repeat(wave[None, start : start + size], 2, axis=0).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
