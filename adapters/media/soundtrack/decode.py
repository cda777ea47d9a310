"""Read the sound of any audio or video file. Files of customers are untrusted: only known formats, guarded sizes."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from adapters.media.soundtrack.samples import MAX_S, RATE
from adapters.media.video_input import FORMATS as VIDEO_FORMATS
from adapters.media.video_input import HEADERS_ONLY
from manifests.errors import EncodingError

FORMATS = f"{VIDEO_FORMATS},wav,w64,aiff,flac,mp3,aac,caf,ac3,eac3,asf"
"""Supported formats. Playlists such as HLS are not supported: they could refer to any file on this machine."""
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
MAX_CHANNELS = 16


def has_sound(path: Path) -> bool:
    """Return whether a file has a sound stream.

    Raises:
        EncodingError: it is missing, or neither a sound nor a video.
    """
    with _errors(path), av.open(str(path), options=OPTIONS, metadata_errors="replace") as container:
        return bool(container.streams.audio)


def decode(path: Path, max_s: float = MAX_S, *, is_own: bool = False) -> np.ndarray:
    """Return the sound of a file, float32 (2, n) at 48 kHz. A stream that begins late begins with silence.

    Args:
        max_s: longest sound in seconds.
        is_own: whether the file was made here, so that only its headers are read before it is decoded.

    Raises:
        EncodingError: the file is missing, damaged or encrypted, it has no sound, or its sound is longer.
    """
    options = OPTIONS | (HEADERS_ONLY if is_own else {})
    with _errors(path), av.open(str(path), options=options, metadata_errors="replace") as container:
        _check(path, container)
        length = _stated_length(container)
        parts = list(_parts(path, container, round(max_s * RATE)))
    samples = (np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.float32))[:, :length]
    if not samples.shape[1]:
        raise EncodingError(f"Cannot read the sound of {path}: it contains no samples. Export the file again.")
    return np.nan_to_num(samples, posinf=1.0, neginf=-1.0)


def decode_if_any(path: Path, max_s: float = MAX_S) -> np.ndarray | None:
    """Return the sound of a file as ``decode`` does, or None if it has none."""
    return decode(path, max_s) if has_sound(path) else None


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Convert errors of FFmpeg and of the disk."""
    try:
        yield
    except (av.FFmpegError, OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        raise EncodingError(
            f"Cannot read the sound of {path}: {what}. Use a WAV, MP3, AAC, FLAC or Opus file, or a video."
        ) from error


def _check(path: Path, container: av.container.InputContainer) -> None:
    if not container.streams.audio:
        raise EncodingError(f"The file {path} has no sound. Use a file with a sound stream.")
    context = container.streams.audio[0].codec_context
    if context is None or not context.sample_rate or not context.channels:
        raise EncodingError(f"Cannot read the sound of {path}: its codec is not known. Convert it to WAV.")
    if context.channels > MAX_CHANNELS:
        raise EncodingError(f"Cannot read the sound of {path}: it has {context.channels} channels. Use stereo.")


def _stated_length(container: av.container.InputContainer) -> int | None:
    """Return the number of samples that an MP4 or MOV states, since its last AAC frame is padded; None for others."""
    stream = container.streams.audio[0]
    if "mp4" not in container.format.name.split(",") or not stream.duration or not stream.time_base:
        return None
    begins_us = max(0, round((stream.start_time or 0) * stream.time_base * 1_000_000) - (container.start_time or 0))
    return math.ceil(stream.duration * stream.time_base * RATE + begins_us * RATE / 1_000_000)


def _parts(path: Path, container: av.container.InputContainer, most: int) -> Iterator[np.ndarray]:
    """Yield the sound in parts; silence first, if the stream begins later than the file."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
    num = 0
    for frame in _frames(container):
        parts = [] if num or frame is None else [_gap(frame, container.start_time or 0)]
        parts += [part.to_ndarray() for part in resampler.resample(frame)]
        for part in parts:
            num += part.shape[1]
            if num > most:
                raise EncodingError(
                    f"The sound of {path} is longer than {most / RATE:g} s, which is the longest supported. "
                    "Cut it before you use it."
                )
            yield part


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame | None]:
    yield from container.decode(audio=0)
    yield None


def _gap(first: av.AudioFrame, file_starts_us: int) -> np.ndarray:
    """Return the silence between the start of the file and the first frame, of at most a minute."""
    begins_s = float(first.pts * first.time_base) if first.pts is not None and first.time_base else 0.0
    gap_s = min(max(begins_s - file_starts_us / 1e6, 0.0), 60.0)
    return np.zeros((2, round(gap_s * RATE)), np.float32)
