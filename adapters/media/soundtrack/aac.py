"""Write a soundtrack into a container as AAC."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from adapters.media.soundtrack.samples import RATE

BIT_RATE = 192_000
MIXED = "fast"
"""FFmpeg's coder for mixes. In 22 mixes at -14 LUFS, it raised peaks by 0.03 dB on average and 0.14 dB at most, and the
default coder by 0.20 and 1.00 dB; it takes half the time and is closer to the original."""
ANY_LEVEL = "twoloop"
"""FFmpeg's default coder, for sound of any level: the other one makes pure tones of more than -8 dB quieter."""
BLOCK = 1024
"""Samples of an AAC frame."""


def add_aac_stream(
    container: av.container.OutputContainer, bit_rate: int = BIT_RATE, coder: str = MIXED
) -> av.AudioStream:
    """Add a stereo AAC stream at 48 kHz to an output. Add all streams before the first packet is muxed."""
    stream = container.add_stream("aac", rate=RATE, options={"aac_coder": coder}, layout="stereo")
    stream.bit_rate = bit_rate
    return stream


def aac_packets(stream: av.AudioStream, samples: np.ndarray) -> Iterator["av.Packet[av.AudioStream]"]:
    """Yield the packets of a soundtrack, float32 (2, n) at 48 kHz; the same samples give the same packets."""
    for start in range(0, samples.shape[1], BLOCK):
        block = np.ascontiguousarray(samples[:, start : start + BLOCK], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)
