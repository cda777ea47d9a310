"""Run FFmpeg's audio filters over samples."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import av
import av.filter
import numpy as np

from adapters.media.soundtrack.samples import RATE

BLOCK = 4800
"""Samples that are given to the filters at once: a tenth of a second."""


class Filtered(NamedTuple):
    """The result of filters: samples, float (2, n), and the metadata of each block of samples."""

    samples: np.ndarray
    metadata: tuple[dict[str, str], ...]


def run_filters(samples: np.ndarray, filters: Sequence[tuple[str, str]], *, keep: bool = True) -> Filtered:
    """Run filters over samples, (2, n) at 48 kHz.

    Args:
        filters: names and arguments, in order; the last one must return planar samples.
        keep: whether the samples are returned; measurements need none.
    """
    graph = av.filter.Graph()
    parts: list[np.ndarray] = []
    metadata: list[dict[str, str]] = []
    source = last = graph.add("abuffer", f"sample_rate={RATE}:sample_fmt=fltp:channel_layout=stereo:time_base=1/{RATE}")
    for name, arguments in filters:
        added = graph.add(name, arguments)
        last.link_to(added)
        last = added
    sink = graph.add("abuffersink")
    last.link_to(sink)
    graph.configure()
    for block in [*_blocks(samples), None]:
        source.push(block)
        for made in _pulled(sink):
            metadata.append(dict(made.metadata))
            if keep:
                parts.append(made.to_ndarray())
    return Filtered(np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.float32), tuple(metadata))


def _blocks(samples: np.ndarray) -> Iterator[av.AudioFrame]:
    for start in range(0, samples.shape[1], BLOCK):
        block = np.ascontiguousarray(samples[:, start : start + BLOCK], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame


def _pulled(sink: av.filter.context.FilterContext) -> Iterator[av.AudioFrame]:
    while True:
        try:
            frame = sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        assert isinstance(frame, av.AudioFrame)
        yield frame
