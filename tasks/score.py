"""Measure a clip's frames while they are still in memory."""

import hashlib
from collections.abc import Sequence

import numpy as np

from manifests.score import Score
from manifests.variant import Variant
from models.base import FrameScorer
from tasks.checks import measure

SCORED_FRAMES = 8
MOST_DISTRACTORS = 31


def distractors_of(prompt: str, prompts: Sequence[str]) -> list[str]:
    """Return up to MOST_DISTRACTORS other prompts of the campaign; the same choice every time."""
    others = {other for other in prompts if other != prompt}
    return sorted(others, key=lambda other: hashlib.blake2b((prompt + "\0" + other).encode()).digest())[
        :MOST_DISTRACTORS
    ]


def spread(num_frames: int, number: int = SCORED_FRAMES) -> np.ndarray:
    """Return the indices of ``number`` frames, evenly spread over the clip, ends included."""
    return np.unique(np.linspace(0, num_frames - 1, min(number, num_frames)).round().astype(int))


def score_frames(
    variant: Variant, variant_id: str, frames: np.ndarray, nan_share: float, scorer: FrameScorer, prompts: Sequence[str]
) -> Score:
    """Return checks, adherence and rank.

    Args:
        frames: uint8 (n, height, width, 3).
        nan_share: share of the model's output that was not finite, 0..1.
        prompts: all prompts of the campaign; the own one may be among them.
    """
    checks = measure(frames, nan_share, variant)
    rivals = distractors_of(variant.prompt, prompts)
    image = scorer.embed_frames(frames[spread(len(frames))])
    text = scorer.embed_prompts([variant.prompt, *rivals])
    cosines = (image @ text.T).mean(axis=0)
    return Score(
        variant_id=variant_id,
        checks=checks,
        prompt_adherence=float(cosines[0]),
        prompt_rank=1 + int((cosines[1:] > cosines[0]).sum()),
        num_distractors=len(rivals),
        scorer=scorer.name,
    )
