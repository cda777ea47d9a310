"""Write video files with PyAV: H.264 in MP4, which every player and ad platform accepts."""

import errno
import io
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)
from PIL import Image

from adapters.files.durable import sync_folder
from adapters.media.video_facts import VideoFacts, probe
from adapters.media.video_frames import read_frames
from manifests.errors import DiskFullError, DiskUnusableError, EncodingError
from manifests.system_errors import DISK_FULL, TOO_MANY_FILES, full_disk_text, system_error_text

__all__ = ["CRF", "VideoFacts", "appearing", "encode", "probe", "read_frames", "to_yuv", "write_poster"]

UNUSABLE = (*DISK_FULL, *TOO_MANY_FILES, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""Errors that every clip would meet: they end the run instead of failing a clip."""

BT709 = 1
"""Value of bt709 in the tables of primaries, transfer and matrix of ITU-T H.273."""
TO_YUV = Interpolation.AREA
"""A quarter faster than bicubic, and closer to the original (34.96 dB compared with 34.94)."""
X264 = {
    "mbtree": "0",  # x264 165 reads uninitialised memory here: the same frames gave different bytes in other processes
    "b-adapt": "0",
    "b-pyramid": "none",  # adaptive B-frames are slower and save nothing; a pyramid costs 5 %
    "scenecut": "0",  # a clip is one shot: scene detection costs a tenth of the time, and cuts need no key frame
    "pbratio": "1.5",
    "qcomp": "0.7",  # fewer bits for B-frames and calm parts: 13 % smaller at the same SSIM
}
CODING = {"profile": "high", "bf": "3", "x264-params": ":".join(f"{name}={value}" for name, value in X264.items())}
PRESET = "superfast"
"""With these parameters as small as veryfast at the same SSIM, in half the time; ultrafast needs 5 times the space."""
AHEAD = 8
"""Number of frames converted ahead of the encoder."""
CRF = 23
"""x264's default. Files with 18 are twice as large; docs/performance.md compares SSIM and size with diffusers."""
MUXING = {"movflags": "+faststart", "fflags": "+bitexact"}


def encode(frames: np.ndarray, fps: int, out: Path, crf: int = CRF, threads: int = 2) -> None:
    """Write frames as an MP4: H.264 High, yuv420p, bt709, constant frame rate, index first.

    The same frames and library build give the same bytes. The file appears complete or not at all.

    Args:
        frames: uint8 (n, height, width, 3), RGB; height and width even.
        fps: frames per second.
        out: path of the file; it is replaced if it exists, and its folder is created.
        crf: x264's constant rate factor, 1 to 51; 18 looks lossless. (0 is lossless, but not in profile High.)
        threads: threads of the encoder; one more thread converts colours.

    Raises:
        EncodingError: the frames have another shape, or the encoder rejects them.
        DiskFullError: the disk is full.
    """
    _check(frames)
    with appearing(out) as part:
        try:
            _write(frames, fps, part, CODING | {"crf": str(crf), "preset": PRESET}, threads)
        except av.FFmpegError as error:
            if error.errno in UNUSABLE:
                raise
            raise EncodingError(f"Cannot encode the frames to {out}: {error}") from error


def write_poster(frame: np.ndarray, out: Path, quality: int = 90) -> None:
    """Write one uint8 (height, width, 3) frame as a JPEG; quality is Pillow's, 1 to 95.

    Raises:
        DiskFullError: the disk is full.
    """
    jpeg = io.BytesIO()
    Image.fromarray(frame).save(jpeg, format="JPEG", quality=quality, optimize=True)
    with appearing(out) as part:
        part.write_bytes(jpeg.getvalue())  # on a full disk, Pillow itself would write a truncated file without an error


def _check(frames: np.ndarray) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
        found = f"{frames.dtype} {frames.shape}"
        raise EncodingError(f"Frames must be uint8 (n, height, width, 3), not {found}.")
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise EncodingError(f"H.264 needs an even height and width, but the frames are {width}x{height}.")


def _write(frames: np.ndarray, fps: int, part: Path, options: dict[str, str], threads: int) -> None:
    with av.open(str(part), "w", format="mp4", options=MUXING | {"movie_timescale": str(1000 * fps)}) as container:
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = threads
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.MPEG
        for frame in _converted(frames, fps):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _converted(frames: np.ndarray, fps: int) -> Iterator[av.VideoFrame]:
    """Yield the frames in yuv420p, converted in parallel: conversion takes as long as encoding."""
    reformatter, waiting = VideoReformatter(), deque[Future[av.VideoFrame]]()
    with ThreadPoolExecutor(1, "convert") as converter:
        for index, pixels in enumerate(frames):
            waiting.append(converter.submit(_timed, pixels, index, fps, reformatter))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _timed(pixels: np.ndarray, index: int, fps: int, reformatter: VideoReformatter) -> av.VideoFrame:
    frame = to_yuv(pixels, reformatter)
    frame.pts, frame.time_base = index, Fraction(1, fps)
    return frame


def to_yuv(pixels: np.ndarray, reformatter: VideoReformatter) -> av.VideoFrame:
    """Convert with the bt709 matrix; swscale's default is bt601, regardless of the tags."""
    rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format="rgb24")
    frame = reformatter.reformat(
        rgb,
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=TO_YUV,
        threads=1,
    )
    frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return frame


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``out``; when it is written and synced, rename it to ``out``."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFullError(full_disk_text(out)) from error
        if error.errno in UNUSABLE:
            raise DiskUnusableError(f"Cannot write {out.name}. {system_error_text(error, out.parent)}") from error
        raise EncodingError(f"Cannot write {out}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
