"""Technical checks of sampled pixels against the same checks of all of them, and against plain numpy on full frames."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

import tasks.score.technical_checks
from benchmarks import plain_tail
from benchmarks.footage import FPS, HEIGHT, WIDTH, as_floats, natural
from benchmarks.result import Limit, Result
from benchmarks.timing import interleaved
from manifests.variant import Variant
from tasks.score.technical_checks import CELL, SAMPLED_SIDE, measure

FRAMES, SHORT = 81, 17
"""Frames of the clip that is timed, and of those that are ranked."""
CLIPS = 32
MEASURES = ("luma_mean", "luma_spread", "frame_difference", "temporal_flickering")
STRIDE = HEIGHT // SAMPLED_SIDE


def run() -> Result:
    """Time a long clip, rank short ones that differ."""
    frames = natural(FRAMES)
    ours, full = interleaved(lambda: measure(frames, 0.0, _variant(FRAMES)), lambda: _measured_in_full(frames), 3)
    floats = as_floats(frames)
    _, plain = interleaved(lambda: None, lambda: plain_tail.checks(floats), rounds=3)
    ranks = {f"spearman_{name}": value for name, value in _spearman().items()}
    return Result(
        name="checks",
        unit="ms a clip",
        ours=1e3 * ours.wall_s,
        baseline=1e3 * full.wall_s,
        what=f"Brightness, contrast, motion and flicker of {FRAMES} frames of {WIDTH}x{HEIGHT}.",
        limits=(Limit("ratio", "at least", 10), Limit("smallest_spearman", "at least", 0.95)),
        figures={
            "smallest_spearman": min(ranks.values()),
            **ranks,
            "ranked_clips": CLIPS,
            "plain_numpy_ms": 1e3 * plain.wall_s,
            "ratio_to_plain_numpy": plain.wall_s / ours.wall_s,
        },
        held_back_by="Reading one pixel in twenty-five still touches most lines of the cache.",
        notes=(
            "The other side takes the same measures, from tasks/score/technical_checks.py, of every pixel, with cells of the same "
            "size in the picture. Plain numpy is what people write: luma of full float frames, its means, spread "
            f"and differences. Ranked are {CLIPS} clips of {SHORT} frames, dark to bright, flat to rich, still to "
            "lively, steady to flickering.",
        ),
    )


def _variant(num_frames: int) -> Variant:
    return Variant("wan2.1-t2v-1.3b", "1", "a kite", "", 0, HEIGHT, WIDTH, num_frames, FPS, 50, 5.0)


def _measured_in_full(frames: np.ndarray) -> dict[str, float]:
    with _every_pixel():
        return measure(frames, 0.0, _variant(len(frames)))


@contextmanager
def _every_pixel() -> Iterator[None]:
    module = vars(tasks.score.technical_checks)
    module.update(SAMPLED_SIDE=HEIGHT, CELL=CELL * STRIDE)
    try:
        yield
    finally:
        module.update(SAMPLED_SIDE=SAMPLED_SIDE, CELL=CELL)


def _spearman() -> dict[str, float]:
    """Correlation of ranks, by measure."""
    clips = list(_varied())
    ours = pd.DataFrame([measure(clip, 0.0, _variant(len(clip))) for clip in clips])
    full = pd.DataFrame([_measured_in_full(clip) for clip in clips])
    if ours[list(MEASURES)].isna().to_numpy().any():
        raise RuntimeError("a clip to be ranked has a defect that leaves measures out")
    return {name: float(ours[name].rank().corr(full[name].rank())) for name in MEASURES}


def _varied() -> Iterator[np.ndarray]:
    """Clips that differ in each measure, independently: uint8 (SHORT, HEIGHT, WIDTH, 3)."""
    rng = np.random.default_rng(5)
    film = [natural(SHORT, seed).astype(np.float32) for seed in range(4)]
    for number in range(CLIPS):
        middle, contrast, liveliness, flicker = rng.uniform((70, 0.3, 0.05, 0), (180, 1.1, 1, 8))
        times = np.linspace(0, liveliness * (SHORT - 1), SHORT)
        before, share = times.astype(int), (times % 1).astype(np.float32)[:, None, None, None]
        source = film[number % len(film)]
        moving = source[before] * (1 - share) + source[np.minimum(before + 1, SHORT - 1)] * share
        lamp = flicker * rng.choice((-1, 1), (SHORT, 1, 1, 1))
        yield np.clip(middle + contrast * (moving - 128) + lamp, 0, 255).astype(np.uint8)
