"""Write clips with sound: the picture as ``encode`` writes it, and the sound as AAC in the same MP4."""

from pathlib import Path

import av
import numpy as np

from adapters.media.soundtrack.aac import ANY_LEVEL, aac_packets, add_aac_stream
from adapters.media.soundtrack.samples import RATE, as_stereo
from adapters.media.video import CRF, MUXING, appearing, encode
from manifests.errors import EncodingError


def encode_with_sound(frames: np.ndarray, fps: int, samples: np.ndarray, rate: int, out: Path, crf: int = CRF) -> None:
    """Write frames and sound as an MP4; the pictures are those of ``encode``. The file appears complete or not at all.

    The sound becomes stereo at 48 kHz, since AAC does not support every rate that models generate. The same frames and
    samples give the same bytes.

    Args:
        samples: float (channels, n) in -1..1, one or two channels; what is longer than the frames is cut off.
        rate: samples per second.

    Raises:
        EncodingError: the frames or the samples have another shape, or an encoder rejects them.
        DiskFullError: the disk is full.
    """
    if samples.ndim != 2 or not samples.shape[1]:
        raise EncodingError(f"Sound must have 1 or 2 channels of samples, not the shape {samples.shape}.")
    heard = np.clip(as_stereo(samples, rate)[:, : len(frames) * RATE // fps], -1, 1)
    silent = out.with_name(f".{out.name}.silent.mp4")
    try:
        encode(frames, fps, silent, crf)
        with appearing(out) as part:
            _join(silent, heard, fps, part)
    except av.FFmpegError as error:
        raise EncodingError(f"Cannot encode the sound of {out}: {error}") from error
    finally:
        silent.unlink(missing_ok=True)


def _join(silent: Path, samples: np.ndarray, fps: int, out: Path) -> None:
    """Copy the packets of a video without sound, and add the sound."""
    options = MUXING | {"movie_timescale": str(1000 * fps)}
    with av.open(str(silent)) as source, av.open(str(out), "w", format="mp4", options=options) as made:
        pictures = made.add_stream_from_template(source.streams.video[0])
        sound = add_aac_stream(made, coder=ANY_LEVEL)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                made.mux(packet)
        for heard in aac_packets(sound, samples):
            made.mux(heard)
