"""Technical checks on sampled pixels, against the same checks on all pixels and against plain numpy on full frames."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

import tasks.score.technical_checks
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.timing import interleaved
from benchmarks.render import plain_postprocess
from benchmarks.render.footage import FPS, HEIGHT, WIDTH, as_floats, natural
from manifests.variant import Variant
from tasks.score.frame_source import ArrayFrames
from tasks.score.technical_checks import CELL, SAMPLED_SIDE, measure

FRAMES, SHORT = 81, 17
"""Frames of the timed clip, and of each ranked clip."""
CLIPS = 32
MEASURES = ("luma_mean", "luma_spread", "frame_difference", "temporal_flickering")
STRIDE = HEIGHT // SAMPLED_SIDE


def run() -> Result:
    """Time a long clip and rank short, different clips."""
    frames = natural(FRAMES)
    ours, full = interleaved(lambda: _measured(frames), lambda: _measured_in_full(frames), 3)
    floats = as_floats(frames)
    _, plain = interleaved(lambda: None, lambda: plain_postprocess.checks(floats), rounds=3)
    ranks = {f"spearman_{name}": value for name, value in _spearman().items()}
    return Result(
        name="checks",
        unit="ms per clip",
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
        held_back_by="Reading one pixel in twenty-five still loads most cache lines.",
        notes=(
            "The baseline computes the same measures (tasks/score/technical_checks.py) on every pixel, with cells of "
            "the same size in the picture. Plain numpy is what people usually write: the luma of full float frames "
            f"with its means, spread and differences. The ranking uses {CLIPS} clips of {SHORT} frames, from dark to "
            "bright, low to high contrast, still to lively and steady to flickering.",
        ),
    )


def _variant(num_frames: int) -> Variant:
    return Variant("wan2.1-t2v-1.3b", "1", "a kite", "", 0, HEIGHT, WIDTH, num_frames, FPS, 50, 5.0)


def _measured(frames: np.ndarray) -> dict[str, float]:
    return measure(ArrayFrames(frames, FPS), 0.0, _variant(len(frames)))


def _measured_in_full(frames: np.ndarray) -> dict[str, float]:
    with _every_pixel():
        return _measured(frames)


@contextmanager
def _every_pixel() -> Iterator[None]:
    module = vars(tasks.score.technical_checks)
    module.update(SAMPLED_SIDE=HEIGHT, CELL=CELL * STRIDE)
    try:
        yield
    finally:
        module.update(SAMPLED_SIDE=SAMPLED_SIDE, CELL=CELL)


def _spearman() -> dict[str, float]:
    """Return the rank correlation of each measure."""
    clips = list(_varied())
    ours = pd.DataFrame([_measured(clip) for clip in clips])
    full = pd.DataFrame([_measured_in_full(clip) for clip in clips])
    if ours[list(MEASURES)].isna().to_numpy().any():
        raise RuntimeError("a clip of the ranking has a defect, so measures are missing")
    return {name: float(ours[name].rank().corr(full[name].rank())) for name in MEASURES}


def _varied() -> Iterator[np.ndarray]:
    """Yield clips that differ independently in each measure: uint8 (SHORT, HEIGHT, WIDTH, 3)."""
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
