"""Where to crop a clip for another aspect ratio."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.reframe.camera import camera_path, simplified
from adapters.media.reframe.cues import FaceFinder, colour_rarity, spectral_residual
from adapters.media.reframe.library import opencv
from adapters.media.reframe.motion import moving_parts
from adapters.media.reframe.sampled import Sample, Timeline, timeline_of
from manifests.errors import FinishError

Point = tuple[float, float, float]
"""Seconds since the start, and the centre of the crop, x and y, as fractions of the master."""
WEIGHTS = {"faces": 3.0, "motion": 2.0, "colours": 0.5, "contrast": 0.5}
BY_HAND = "set by hand"


class CropPath(NamedTuple):
    """The path of a crop: the largest window of an aspect ratio that the master contains.

    Attributes:
        points: in order of time; linear in between, constant before the first and after the last one.
        followed: what determined the path, the most important first: ``faces``, ``motion``, ``colours``, ``contrast``,
            or ``set by hand``; empty for the centre.
    """

    points: tuple[Point, ...]
    followed: tuple[str, ...] = ()

    @property
    def is_still(self) -> bool:
        """Whether the crop does not move."""
        return len({point[1:] for point in self.points}) == 1

    def centres(self, seconds: Sequence[float]) -> np.ndarray:
        """Return the centres at these times, float64 (n, 2), x and y as fractions of the master."""
        times, *places = zip(*self.points, strict=True)
        return np.stack([np.interp(seconds, times, axis) for axis in places], axis=1)

    def corners(self, seconds: Sequence[float], size: tuple[int, int], target: tuple[int, int]) -> np.ndarray:
        """Return the top left corners of the crop at these times, float64 (n, 2), x and y in pixels, inside the master.

        Args:
            size: width and height of the master.
            target: width and height of the result; only their ratio matters.
        """
        window, whole = np.array(crop_size(size, target)), np.array(size)
        return np.asarray(np.clip(self.centres(seconds) * whole - window / 2, 0, whole - window))


def crop_size(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, float]:
    """Return width and height of the largest window of an aspect ratio, in pixels, not rounded.

    Args:
        size: width and height of the master.
        target: width and height of the result; only their ratio matters.
    """
    width, height = size
    ratio = target[0] / target[1]
    return (height * ratio, float(height)) if width / height > ratio else (float(width), width / ratio)


def crop_path(video: Path, target: tuple[int, int], by_hand: Sequence[Point] = ()) -> CropPath:
    """Return the path that keeps the subject inside the crop.

    Args:
        target: width and height of the result; only their ratio matters.
        by_hand: path to use instead, such as that of ``Shot.crop_path``.

    Raises:
        FinishError: the extra ``finish`` is missing, or the path set by hand is invalid.
        EncodingError: it is not a readable video.
    """
    if by_hand:
        return CropPath(_checked(by_hand), (BY_HAND,))
    return path_along(timeline_of(video), target)


def path_along(timeline: Timeline, target: tuple[int, int]) -> CropPath:
    """Return the path for the analysed frames of a video; see ``crop_path``."""
    size = timeline.width, timeline.height
    window = crop_size(size, target)
    axis = 0 if window[0] < size[0] else 1
    kept = window[axis] / size[axis]
    if kept > 0.999:
        return CropPath(((0.0, 0.5, 0.5),))
    shots = list(_shots(timeline.samples))
    seen = [_profiles(shot, axis) for shot in shots]
    paths = [
        _points(shot, np.sum(list(profiles.values()), axis=0), kept, axis)
        for shot, profiles in zip(shots, seen, strict=True)
    ]
    return CropPath(tuple(_joined(paths, timeline.frame_s)), _followed(seen))


def _checked(points: Sequence[Point]) -> tuple[Point, ...]:
    times = [point[0] for point in points]
    if any(after <= before for before, after in pairwise(times)):
        raise FinishError("The crop path set by hand is not in order of time. Give each point a later time.")
    if any(not (0 <= x <= 1 and 0 <= y <= 1) or seconds < 0 for seconds, x, y in points):
        raise FinishError(
            "The crop path set by hand has a point outside the clip. Give each point as seconds from 0, and the "
            "centre x and y as fractions from 0 to 1."
        )
    return tuple((float(seconds), float(x), float(y)) for seconds, x, y in points)


def _shots(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    starts = [index for index, sample in enumerate(samples) if sample.starts_shot or index == 0]
    for start, end in pairwise([*starts, len(samples)]):
        yield list(samples[start:end])


def _profiles(shot: Sequence[Sample], axis: int) -> dict[str, np.ndarray]:
    """Return for each cue how much matters at each position of an axis, float32 (samples, positions), weighted."""
    across = 1 if axis == 0 else 2
    return {cue: WEIGHTS[cue] * found.sum(axis=across) for cue, found in _maps(shot)}


def _maps(shot: Sequence[Sample]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each cue with its maps, float32 (samples, height, width), 0..1."""
    cv2 = opencv()
    greys = [cv2.cvtColor(sample.pixels, cv2.COLOR_RGB2GRAY) for sample in shot]
    yield "contrast", np.stack([spectral_residual(grey.astype(np.float32)) for grey in greys])
    yield "colours", np.stack([colour_rarity(cv2.cvtColor(each.pixels, cv2.COLOR_RGB2LAB)) for each in shot])
    yield "faces", _faces(shot)
    if len(shot) > 1:
        yield "motion", np.stack(moving_parts([sample.pixels for sample in shot], [sample.seconds for sample in shot]))


def _faces(shot: Sequence[Sample]) -> np.ndarray:
    """Return the maps of faces; between two searches, those of both count by their distance in time."""
    finder, shape = FaceFinder(), shot[0].pixels.shape[:2]
    found = [(each.seconds, finder.map_of(each.faces, shape)) for each in shot if each.faces is not None]
    times = [seconds for seconds, _ in found]
    stack = np.stack([each for _, each in found])
    places = np.interp([sample.seconds for sample in shot], times, np.arange(len(times)))
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, len(times) - 1)
    share = (places - before).astype(np.float32)[:, None, None]
    blended: np.ndarray = stack[before] * (1 - share) + stack[after] * share
    return blended


def _points(shot: Sequence[Sample], profiles: np.ndarray, kept: float, axis: int) -> list[Point]:
    seconds = [sample.seconds for sample in shot]
    centres = camera_path(profiles, seconds, kept) if profiles.sum() > 1e-3 else np.full(len(shot), 0.5)
    indices = simplified(seconds, centres) if np.ptp(centres) > 1e-9 else [0]
    points = ((round(seconds[index], 4), round(float(centres[index]), 4)) for index in indices)
    return [(time, place, 0.5) if axis == 0 else (time, 0.5, place) for time, place in points]


def _joined(paths: Sequence[list[Point]], frame_s: float) -> Iterator[Point]:
    """Yield the points of all shots; at a cut, the crop jumps between two frames."""
    for path, following in pairwise(paths):
        yield from path
        end = round(following[0][0] - frame_s, 4)
        if end > path[-1][0]:
            yield (end, *path[-1][1:])
    yield from paths[-1]


def _followed(seen: Sequence[dict[str, np.ndarray]]) -> tuple[str, ...]:
    """Return the cues with at least a quarter of all that was found, the strongest first."""
    totals = {cue: sum(float(each[cue].sum()) for each in seen if cue in each) for cue in WEIGHTS}
    everything = sum(totals.values())
    return tuple(
        cue
        for cue, total in sorted(totals.items(), key=lambda item: -item[1])
        if everything and total >= everything / 4
    )
