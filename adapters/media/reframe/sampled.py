"""Reduced frames of a video, for analysis."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import Interpolation

from adapters.media.reframe.cuts import CUT_SIDE, Cuts, looks_alike
from adapters.media.video_input import open_video
from manifests.errors import EncodingError

ANALYSIS_SIDE = 256
"""Longest side of the frames in which subjects are found, in pixels."""
FACE_SIDE = 512
"""Longest side of the frames in which faces are found, in pixels."""
LEAST_SIDE = 64
"""Shortest side of both: OpenCV's optical flow crashes on low, wide pictures. Very long clips are distorted instead."""
ANALYSES_PER_S = 8.0
FLASH_S = 0.3
"""A picture that comes back within this time was interrupted by a flash, not by another shot."""
FACES_PER_S = 3.0


class Sample(NamedTuple):
    """One analysed frame.

    Attributes:
        seconds: since the first frame.
        pixels: uint8 (height, width, 3), RGB, at most ANALYSIS_SIDE on each side.
        faces: likewise with FACE_SIDE, to find faces; None if faces are not searched for in this frame.
        starts_shot: whether the picture changed completely since the previous sample.
    """

    seconds: float
    pixels: np.ndarray
    faces: np.ndarray | None
    starts_shot: bool = False


class Timeline(NamedTuple):
    """The analysed frames of a video.

    Attributes:
        samples: in order; the first frame of each shot is one of them.
        frame_s: time between two frames.
        width, height: of the video as displayed, in pixels.
    """

    samples: tuple[Sample, ...]
    frame_s: float
    width: int
    height: int


def timeline_of(path: Path) -> Timeline:
    """Decode a video once and return about ANALYSES_PER_S frames a second.

    Raises:
        EncodingError: it is not a readable video.
    """
    size, last_s, cuts, samples = (0, 0), 0.0, Cuts(), list[Sample]()
    for seconds, frame in _decoded(path):
        turned = round(frame.rotation / 90) % 2
        size = (frame.height, frame.width) if turned else (frame.width, frame.height)
        last_s, is_cut = seconds, cuts.is_cut(_pixels(frame, CUT_SIDE))
        if not samples or is_cut or seconds - samples[-1].seconds >= 1 / ANALYSES_PER_S - 1e-6:
            samples.append(_sample(seconds, frame, is_cut, samples))
    if not samples:
        raise EncodingError(f"The video {path} contains no frames.")
    return Timeline(_without_flashes(samples), last_s / max(cuts.frames - 1, 1), *size)


def _decoded(path: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    with open_video(path) as container:
        first = None
        for frame in container.decode(video=0):
            first = frame.time if first is None else first
            yield float((frame.time or 0) - (first or 0)), frame


def _sample(seconds: float, frame: av.VideoFrame, is_cut: bool, before: list[Sample]) -> Sample:
    searched = next((each.seconds for each in reversed(before) if each.faces is not None), None)
    is_due = searched is None or is_cut or seconds - searched >= 1 / FACES_PER_S - 1e-6
    return Sample(seconds, _pixels(frame, ANALYSIS_SIDE), _pixels(frame, FACE_SIDE) if is_due else None, is_cut)


def _pixels(frame: av.VideoFrame, side: int) -> np.ndarray:
    scale = min(side / max(frame.width, frame.height), 1.0)
    width, height = (max(round(edge * scale), min(LEAST_SIDE, side)) for edge in (frame.width, frame.height))
    pixels = frame.reformat(width, height, "rgb24", interpolation=Interpolation.AREA).to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _without_flashes(samples: list[Sample]) -> tuple[Sample, ...]:
    starts = [index for index, sample in enumerate(samples) if sample.starts_shot]
    for first, second in pairwise(starts):
        is_short = samples[second].seconds - samples[first].seconds <= FLASH_S
        if is_short and looks_alike(samples[first - 1].pixels, samples[second].pixels):
            for index in (first, second):
                samples[index] = samples[index]._replace(starts_shot=False)
    return tuple(samples)
