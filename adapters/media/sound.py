"""Write and read sound files with PyAV: FLAC, which loses nothing that a later mix could need."""

import io
from pathlib import Path

import av
import numpy as np

from adapters.files.durable import write_durably
from manifests.errors import EncodingError

FULL_SCALE = 32767
"""Largest sample of 16 bits."""
LAYOUTS = {1: "mono", 2: "stereo"}


def write_sound(samples: np.ndarray, rate: int, out: Path) -> None:
    """Write samples as FLAC with 16 bits. The same samples give the same bytes.

    Args:
        samples: float (channels, n) in -1..1, one or two channels; samples outside are clipped, NaN becomes silence.
        rate: samples per second.
        out: path of the file; it is replaced if it exists.

    Raises:
        EncodingError: the samples have another shape, or the encoder rejects them.
        OSError: the disk is full or not writable.
    """
    if samples.ndim != 2 or samples.shape[0] not in LAYOUTS or not samples.shape[1]:
        raise EncodingError(f"Sound must have 1 or 2 channels of samples, not the shape {samples.shape}.")
    levels = np.rint(np.clip(np.nan_to_num(samples.astype(np.float64)), -1, 1) * FULL_SCALE).astype(np.int16)
    try:
        write_durably(out, _flac(levels, rate))
    except av.FFmpegError as error:
        raise EncodingError(f"Cannot encode the sound to {out}: {error}") from error


def read_sound(path: Path) -> tuple[np.ndarray, int]:
    """Return the samples of a sound file, float32 (channels, n) in -1..1, and the samples per second.

    Raises:
        EncodingError: it is not a readable sound.
    """
    try:
        with av.open(str(path)) as container:
            parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
            stream = container.streams.audio[0]
            channels, rate = stream.codec_context.channels, stream.codec_context.sample_rate
    except (av.FFmpegError, OSError, IndexError) as error:
        raise EncodingError(f"Cannot read the sound {path}: {error}") from error
    if not parts:
        raise EncodingError(f"Cannot read the sound {path}: it contains no samples.")
    levels = np.concatenate([part.reshape(-1, channels) for part in parts]).T
    return (levels / FULL_SCALE).astype(np.float32), int(rate)


def _flac(levels: np.ndarray, rate: int) -> bytes:
    """Return a FLAC file of int16 (channels, n)."""
    layout = LAYOUTS[len(levels)]
    made = io.BytesIO()
    with av.open(made, "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac", rate=rate, layout=layout, format="s16")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(levels.T).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()
