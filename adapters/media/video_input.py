"""Open untrusted video files: only known formats, and no other files or addresses that a file refers to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from adapters.media.mp4_boxes import read_boxes
from manifests.errors import EncodingError

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv"
"""Supported formats. Playlists such as HLS are not supported: they could refer to any file on this machine."""
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
HEADERS_ONLY = {"skip_frame": "all"}
"""FFmpeg decodes about seven frames to open a file (11 ms of 720p). With this option it reads headers only.

The pixel format, and tags that only the frames have, are then not known before a frame is decoded. Frames are the same.
"""
MAX_SIDE = 8192
"""Longest side in pixels."""
MAX_FRAMES = 36_000
"""Ten minutes at 60 frames per second."""


@contextmanager
def open_video(path: Path, *, is_known: bool = False) -> Iterator[av.container.InputContainer]:
    """Yield the opened file, after a check that its video stream can be decoded.

    Args:
        is_known: whether the file was probed before, so that only its headers are read; see HEADERS_ONLY.

    Raises:
        EncodingError: it is missing, no video, truncated, encrypted or too large. Errors of the block are converted.
    """
    try:
        _check_boxes(path)
        options = OPTIONS | (HEADERS_ONLY if is_known else {})
        with av.open(str(path), options=options, metadata_errors="replace") as container:
            _check_stream(path, container)
            yield container
    except (av.FFmpegError, OSError) as error:
        raise EncodingError(f"Cannot read the video {path}: {error.strerror or error}") from error


def _check_boxes(path: Path) -> None:
    boxes = read_boxes(path)
    if boxes.is_encrypted:
        raise EncodingError(f"Cannot read the video {path}: it is encrypted.")
    if boxes.is_truncated:
        raise EncodingError(f"Cannot read the video {path}: it is truncated.")


def _check_stream(path: Path, container: av.container.InputContainer) -> None:
    if not container.streams.video:
        raise EncodingError(f"The file {path} contains no video.")
    context = container.streams.video[0].codec_context
    if context is None:
        raise EncodingError(f"Cannot read the video {path}: its codec is not known.")
    if not context.width or not context.height:
        raise EncodingError(f"Cannot read the video {path}: its frames have no size. It is damaged or truncated.")
    if max(context.width, context.height) > MAX_SIDE:
        raise EncodingError(
            f"Cannot read the video {path}: its frames are {context.width}x{context.height} pixels, "
            f"and at most {MAX_SIDE}x{MAX_SIDE} are supported."
        )
