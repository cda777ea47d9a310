"""Scenes for the evaluation, and the verdict of the independent judges on a clip."""

from typing import NamedTuple

import numpy as np

from training.judges.colour_judge import colours_right, colours_swapped
from training.judges.motif_judge import read_motif
from training.judges.motion_judge import read_motion
from training.scenes.scene import MOTIFS, Scene, sample_scene


class Judgement(NamedTuple):
    """Which parts of a clip are right, and whether its colours are swapped."""

    motif: bool
    colours: bool
    motion: bool
    swapped: bool

    @property
    def wrong(self) -> list[str]:
        return [name for name in ("motif", "colours", "motion") if not getattr(self, name)]


def judge(clip: np.ndarray, scene: Scene, motif_judge) -> Judgement:
    """Judge a uint8 clip (frames, height, width, 3) that should show the scene."""
    asked = (scene.motif, scene.foreground, scene.background)
    return Judgement(
        motif=read_motif(motif_judge, clip) == scene.motif,
        colours=colours_right(clip, *asked),
        motion=read_motion(clip) == scene.motion,
        swapped=colours_swapped(clip, *asked),
    )


def shares(judgements: list[Judgement]) -> dict[str, float]:
    """Return the share of each judgement, 0 to 1."""
    means = np.mean(np.array(judgements, dtype=float), axis=0)
    return {name: round(float(mean), 3) for name, mean in zip(Judgement._fields, means, strict=True)}


def balanced(count: int, seed: int, held_out: bool = False) -> list[Scene]:
    """Return random scenes with each motif equally often."""
    rng = np.random.default_rng(seed)
    picked: list[Scene] = []
    while len(picked) < count:
        scene = sample_scene(rng, held_out)
        if scene.motif == MOTIFS[len(picked) % len(MOTIFS)]:
            picked.append(scene)
    return picked


def distinct(count: int, seed: int) -> list[Scene]:
    """Return held-out scenes that differ in more than their motion."""
    rng = np.random.default_rng(seed)
    picked: dict[Scene, Scene] = {}
    while len(picked) < count:
        scene = sample_scene(rng, held_out=True)
        picked.setdefault(scene.without("motion"), scene)
    return list(picked.values())


def turn(number: int, choices: int) -> int:
    """Return the size index of the n-th balanced scene, so that each motif gets each size in turn."""
    return (number + number // len(MOTIFS)) % choices


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 arrays, in decibels."""
    error = ((first.astype(np.float32) - second) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-6)))
