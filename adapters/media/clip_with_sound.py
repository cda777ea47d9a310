"""Write clips with sound: the picture as ``encode`` writes it, and the sound as AAC in the same MP4."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from adapters.media.sound import LAYOUTS
from adapters.media.video import CRF, MUXING, encode
from manifests.errors import EncodingError

BLOCK = 1024
"""Samples of an AAC frame."""


def encode_with_sound(frames: np.ndarray, fps: int, samples: np.ndarray, rate: int, out: Path, crf: int = CRF) -> None:
    """Write frames and sound as an MP4; the pictures are those of ``encode``. The file appears complete or not at all.

    Args:
        samples: float (channels, n) in -1..1, one or two channels; what is longer than the frames is cut off.
        rate: samples per second.

    Raises:
        EncodingError: the frames or the samples have another shape, or an encoder rejects them.
        DiskFullError: the disk is full.
    """
    if samples.ndim != 2 or samples.shape[0] not in LAYOUTS or not samples.shape[1]:
        raise EncodingError(f"Sound must have 1 or 2 channels of samples, not the shape {samples.shape}.")
    silent, part = out.with_suffix(".silent.mp4"), out.with_suffix(".part.mp4")
    heard = np.clip(np.nan_to_num(samples[:, : len(frames) * rate // fps].astype(np.float32)), -1, 1)
    try:
        encode(frames, fps, silent, crf)
        _join(silent, heard, rate, part)
        part.replace(out)
    except av.FFmpegError as error:
        raise EncodingError(f"Cannot encode the sound of {out}: {error}") from error
    finally:
        silent.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def _join(silent: Path, samples: np.ndarray, rate: int, out: Path) -> None:
    """Copy the packets of a video without sound, and add the sound."""
    with av.open(str(silent)) as source, av.open(str(out), "w", format="mp4", options=MUXING) as made:
        pictures = made.add_stream_from_template(source.streams.video[0])
        sound = made.add_stream("aac", rate=rate, layout=LAYOUTS[len(samples)])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                made.mux(packet)
        for start in range(0, samples.shape[1], BLOCK):
            block = np.ascontiguousarray(samples[:, start : start + BLOCK])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[len(samples)])
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            made.mux(sound.encode(frame))
        made.mux(sound.encode(None))
