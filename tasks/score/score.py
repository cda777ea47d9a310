"""Score the frames of a clip, from memory or from its file."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Self
from weakref import WeakKeyDictionary

import numpy as np

from manifests.scoring.gate import Gate
from manifests.scoring.score import Score
from manifests.variant import Variant
from models.card_parts import Distilled
from models.memory import free_caches, is_out_of_memory
from models.protocols import FrameScorer, Generated
from tasks.score.frame_source import ArrayFrames, FrameSource
from tasks.score.motion import few_step_checks
from tasks.score.technical_checks import EXACT, Tolerance, measure

SCORED_FRAMES = 8
MAX_DISTRACTORS = 31
_frames_per_call: WeakKeyDictionary[FrameScorer, int] = WeakKeyDictionary()
"""Frames per call for scorers that have run out of memory."""


class ScoredClip(NamedTuple):
    """The frames of a variant, in memory or in a file.

    Attributes:
        nan_share: share of the model's output values that were not finite, 0..1; 0 if the output is not known.
        tolerance: by how much size and length may differ from the variant.
    """

    variant: Variant
    frames: FrameSource
    nan_share: float = 0.0
    tolerance: Tolerance = EXACT

    @classmethod
    def of(cls, generated: Generated) -> Self:
        """Return the frames that a generator has just made."""
        return cls(generated.variant, ArrayFrames(generated.frames, generated.variant.fps), generated.nan_share)


def distractors_of(prompt: str, prompts: Sequence[str]) -> list[str]:
    """Return up to MAX_DISTRACTORS other prompts of the campaign, chosen deterministically."""
    others = {other for other in prompts if other != prompt}
    return sorted(others, key=lambda other: hashlib.blake2b((prompt + "\0" + other).encode()).digest())[
        :MAX_DISTRACTORS
    ]


def evenly_spaced_indices(num_frames: int, number: int = SCORED_FRAMES) -> np.ndarray:
    """Return the indices of ``number`` frames, evenly spread over the clip, ends included."""
    return np.unique(np.linspace(0, num_frames - 1, min(number, num_frames)).round().astype(int))


def embed_with_retry(scorer: FrameScorer, frames: np.ndarray) -> np.ndarray:
    """Embed frames; if memory runs out, free caches first, then halve the number of frames per call, down to one.

    Reducing takes about a second, so later clips of the same scorer start with the size that worked last.

    Raises:
        Exception: the scorer's own error, if not even one frame fits.
    """
    size, freed = min(len(frames), _frames_per_call.get(scorer, len(frames))), False
    while True:
        try:
            return np.concatenate([scorer.embed_frames(frames[at : at + size]) for at in range(0, len(frames), size)])
        except Exception as error:
            if not is_out_of_memory(error) or (freed and size == 1):
                raise
        free_caches()
        size, freed = (-(-size // 2) if freed else size), True
        # Another thread may have reduced it further.
        _frames_per_call[scorer] = min(size, _frames_per_call.get(scorer, size))


def score_frames(
    clip: ScoredClip,
    scorer: FrameScorer,
    prompts: Sequence[str],
    gate: Gate,
    distilled: Distilled | None = None,
) -> Score:
    """Return checks, adherence and rank; a clip that fails the technical checks is not embedded.

    If the scorer computes NaN or infinity, the clip has no adherence and no rank, and the gate rejects it as unscored.

    Args:
        prompts: all prompts of the campaign; may include the clip's own.
        distilled: limits for motion and drift, if the clip's model was distilled for few steps.
    """
    variant, frames = clip.variant, clip.frames
    checks = measure(frames, clip.nan_share, variant, clip.tolerance)
    if distilled and not any(gate.technical(checks)):
        checks |= few_step_checks(frames, variant.fps, distilled)
    if any(gate.technical(checks)):
        return Score(variant.variant_id, checks)
    rivals = distractors_of(variant.prompt, prompts)
    image = embed_with_retry(scorer, frames.at(evenly_spaced_indices(frames.num_frames)))
    text = scorer.embed_prompts([variant.prompt, *rivals])
    cosines = (image @ text.T).mean(axis=0)
    if not np.isfinite(cosines).all():
        return Score(variant.variant_id, checks, scorer=scorer.name)
    return Score(
        variant_id=variant.variant_id,
        checks=checks,
        prompt_adherence=float(cosines[0]),
        prompt_rank=1 + int((cosines[1:] > cosines[0]).sum()),
        num_distractors=len(rivals),
        scorer=scorer.name,
    )
