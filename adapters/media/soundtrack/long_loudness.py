"""Loudness of files that are too long to keep their sound in memory."""

import math
from collections.abc import Iterator
from pathlib import Path

import av
import av.filter

from adapters.media.soundtrack.loudness import ABSOLUTE_GATE, Loudness
from adapters.media.soundtrack.samples import RATE
from adapters.media.video_input import open_video


def measure_long_file(path: Path) -> Loudness:
    """Measure the sound of a video file block by block, as ``loudness.measure_file`` does for short ones.

    Raises:
        EncodingError: it is not a readable video.
    """
    graph = av.filter.Graph()
    source = graph.add("abuffer", f"sample_rate={RATE}:sample_fmt=fltp:channel_layout=stereo:time_base=1/{RATE}")
    meter, sink = graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    found: dict[str, str] = {}
    for block in _blocks(path):
        source.push(block)
        found |= _metadata(sink)
    peak, lufs = float(found.get("lavfi.r128.true_peak", 0)), float(found.get("lavfi.r128.I", ABSOLUTE_GATE))
    if not peak:
        return Loudness(None, None, "The sound is silent.")
    return Loudness(lufs if lufs > ABSOLUTE_GATE else None, 20 * math.log10(peak))


def _blocks(path: Path) -> Iterator[av.AudioFrame | None]:
    """Yield the sound at 48 kHz in stereo, numbered without gaps, and None at its end."""
    resampler, samples = av.AudioResampler(format="fltp", layout="stereo", rate=RATE), 0
    with open_video(path) as container:
        for frame in _frames(container):
            for block in resampler.resample(frame):
                block.pts = samples
                samples += block.samples
                yield block
    yield None


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame | None]:
    yield from container.decode(audio=0)
    yield None


def _metadata(sink: av.filter.context.FilterContext) -> dict[str, str]:
    """Return the newest measurements."""
    found: dict[str, str] = {}
    while True:
        try:
            found |= dict(sink.pull().metadata)
        except (av.error.BlockingIOError, av.error.EOFError):
            return found
