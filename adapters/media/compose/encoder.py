"""Encode the pictures of a deliverable as H.264, without sound."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from adapters.media.compose.yuv import frame_of, size_of
from adapters.media.video import BT709, CODING, MUXING, PRESET, appearing
from manifests.errors import EncodingError
from manifests.finish.bitrate import RateControl

THREADS = 2
"""Always the same, because the number of threads changes the bytes."""


def encode_pictures(pictures: Iterable[np.ndarray], fps: Fraction, rate: RateControl, out: Path) -> int:
    """Write pictures as an MP4 like ``adapters.media.video.encode``, and return their number.

    The same pictures and settings give the same bytes. The file appears complete or not at all.

    Args:
        pictures: I420 pictures of one size; they are encoded one at a time.

    Raises:
        EncodingError: there are no pictures, or the encoder rejects them.
        DiskFullError: the disk is full.
    """
    with appearing(out) as part:
        try:
            number = _write(pictures, fps, options_of(rate), part)
        except av.FFmpegError as error:
            raise EncodingError(f"Cannot encode the video {out}: {error}") from error
        if not number:
            raise EncodingError(f"There are no pictures to encode to {out}.")
        return number


def options_of(rate: RateControl) -> dict[str, str]:
    """Return the options of libx264."""
    options = CODING | {"preset": PRESET}
    if rate.crf is not None:
        options["crf"] = str(rate.crf)
    if rate.kbps is not None:
        limit = f"{rate.kbps}k"
        options |= {"maxrate": limit, "bufsize": limit} | ({} if rate.crf is not None else {"b": limit})
    if rate.is_constant:
        options["x264-params"] += ":nal-hrd=cbr"
    return options


def _write(pictures: Iterable[np.ndarray], fps: Fraction, options: dict[str, str], part: Path) -> int:
    number, stream, frame_s = 0, None, 1 / fps
    timescale = {"movie_timescale": str(fps.numerator * 1000)}
    with av.open(str(part), "w", format="mp4", options=MUXING | timescale) as container:
        for number, picture in enumerate(pictures, 1):
            if stream is None:
                stream = _stream(container, fps, size_of(picture), options)
            frame = frame_of(picture)
            frame.pts, frame.time_base = number - 1, frame_s
            frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
            frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
    return number


def _stream(
    container: av.container.OutputContainer, fps: Fraction, size: tuple[int, int], options: dict[str, str]
) -> av.video.stream.VideoStream:
    stream = container.add_stream("libx264", rate=fps, options=options)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.thread_count = THREADS
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = ColorRange.MPEG
    return stream
