"""What moves against the camera."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from adapters.media.reframe.library import opencv

MEMORY_S = 2.0
"""Time after which a subject that has stopped counts half as much as while it moved."""
LEAST_MOTION = 0.006
"""Motion between two samples, as a fraction of the longer side, below which it may be noise."""
NOISE = 0.05
"""Share of the strongest motion of a shot that is ignored."""
CHANGED_COLOUR = 10.0
"""Difference of a colour component at which a pixel has probably changed; noise of the sensor or codec is below."""
SAME_COLOUR = 20.0
"""Difference of a colour component at which it is doubtful that two places show the same thing."""


def moving_parts(pictures: Sequence[np.ndarray], seconds: Sequence[float]) -> list[np.ndarray]:
    """Return for each picture how much its parts move, or have moved or will move, against the camera, 0..1.

    Args:
        pictures: of one shot, at least two, uint8 (height, width, 3), RGB.
        seconds: their times.
    """
    cv2 = opencv()
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
    onward = [_flow(before, after) for before, after in pairwise(greys)]
    back = [_flow(after, before) for before, after in pairwise(greys)]
    moving, cores = _moving(pictures, onward, back)
    steps = [_fading(after - before) for before, after in pairwise(seconds)]
    earlier, later = [cores[0]], [cores[-1]]
    for index in range(1, len(pictures)):
        carried = _carried(earlier[-1], pictures[index - 1], pictures[index], back[index - 1])
        earlier.append(np.maximum(carried * steps[index - 1], cores[index]))
    for index in range(len(pictures) - 2, -1, -1):
        carried = _carried(later[-1], pictures[index + 1], pictures[index], onward[index])
        later.append(np.maximum(carried * steps[index], cores[index]))
    return [_with_memory(*maps) for maps in zip(moving, earlier, later[::-1], strict=True)]


def _with_memory(moving: np.ndarray, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Return what moves; the less anything does, the more counts what did or will."""
    rest = 1 - np.float32(np.percentile(moving, 99.5))
    return np.asarray(np.maximum(moving, rest * np.maximum(earlier, later)))


def _flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the optical flow, float32 (height, width, 2), in pixels."""
    cv2 = opencv()
    flow: np.ndarray = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(before, after, None)
    return flow


def _moving(
    pictures: Sequence[np.ndarray], onward: Sequence[np.ndarray], back: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return how much each part moves at the time of each picture, 0..1, and the same for changed pixels only."""
    after = [_motion(*each) for each in zip(pictures[:-1], pictures[1:], onward, strict=True)]
    before = [_motion(*each) for each in zip(pictures[1:], pictures[:-1], back, strict=True)]
    # Background next to a subject changes either before or after a picture; the subject changes both times.
    both = [after[0], *(np.minimum(*pair) for pair in zip(before[:-1], after[1:], strict=True)), before[-1]]
    motions, changes = np.stack(both).swapaxes(0, 1)
    least = LEAST_MOTION * max(motions[0].shape)
    scale = max(float(np.percentile(motions, 99)), least)
    noise = max(NOISE * scale, least / 4)
    moving = np.sqrt(np.clip((motions - noise) / (scale - noise), 0, 1)).astype(np.float32)
    return list(moving), list(moving * changes)


def _fading(gap_s: float) -> np.float32:
    return np.float32(0.5 ** (gap_s / MEMORY_S))


def _carried(memory: np.ndarray, there: np.ndarray, here: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return what a map of another picture says about this one, a subject that stops is then not lost.

    Args:
        memory: map of the other picture.
        there, here: the other picture and this one.
        flow: from this picture to the other one.
    """
    cv2 = opencv()
    carried, expected = _looked_up(memory, flow), _looked_up(there, flow)
    error = cv2.GaussianBlur(_difference(expected, here), (0, 0), 1.5)
    # Background that a subject has uncovered does not move, but it does not look like the subject either.
    result: np.ndarray = carried * np.exp(-((error / SAME_COLOUR) ** 2))
    return result


def _motion(here: np.ndarray, there: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return how far parts of a picture move against the camera's pan, zoom and rotation, in pixels, and what changed.

    Optical flow is only a guess on plain surfaces, so it counts only near pixels that changed.

    Args:
        flow: from this picture to the other one.

    Returns:
        Two maps, float32 (2, height, width): motion in pixels, and whether a pixel changed, 0..1.
    """
    cv2 = opencv()
    camera = _camera_flow(flow)
    longest = max(here.shape)
    difference = cv2.GaussianBlur(_difference(_looked_up(there, camera), here), (0, 0), longest / 200)
    changed = 1 - np.exp(-((difference / CHANGED_COLOUR) ** 2))
    nearby = cv2.dilate(changed, np.ones((longest // 24, longest // 24), np.uint8))
    residual = np.linalg.norm(flow - camera, axis=2)
    return np.stack([cv2.GaussianBlur(residual * nearby, (0, 0), longest / 100), changed])


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the largest difference of the components of each pixel, float32 (height, width)."""
    difference: np.ndarray = opencv().absdiff(one, other).max(axis=2).astype(np.float32)
    return difference


def _looked_up(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return the values at the places that the flow points to."""
    height, width = values.shape[:2]
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32) + flow
    cv2 = opencv()
    result: np.ndarray = cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return result


def _camera_flow(flow: np.ndarray) -> np.ndarray:
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    terms = np.stack([np.ones_like(rows), columns / width - 0.5, rows / height - 0.5], -1)
    camera: np.ndarray = terms @ _robust_fit(terms[::6, ::6].reshape(-1, 3), flow[::6, ::6].reshape(-1, 2))
    return camera


def _robust_fit(terms: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the affine model of most points; those that differ from it, the subject, lose their weight."""
    model = np.zeros((3, 2), np.float32)
    model[0] = np.median(wanted, axis=0)
    for _ in range(4):
        errors = np.linalg.norm(wanted - terms @ model, axis=1)
        scale = max(float(np.median(errors)) * 2, 0.25)
        weights = (1 / (1 + (errors / scale) ** 2))[:, None]
        model = np.linalg.lstsq(terms * weights, wanted * weights, rcond=None)[0].astype(np.float32)
    return model
