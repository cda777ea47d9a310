"""Scores: a few frames are compared with their prompt and other prompts of the campaign."""

import numpy as np
import pytest
from fake_scorer import FakeScorer

from manifests.scoring.gate import Gate
from manifests.variant import Variant
from models.fake import paint
from models.protocols import Generated
from tasks.score.score import MAX_DISTRACTORS, ScoredClip, distractors_of, evenly_spaced_indices, score_frames

VARIANT = Variant("starter", "r1", "a red circle", "", 7, 96, 96, 17, 8, 16, 3.0)
GATE = Gate(0.2)


class Counting(FakeScorer):
    """Counts the frames that it embeds."""

    frames = 0

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        self.frames += len(frames)
        return super().embed_frames(frames)


def generated(frames: np.ndarray | None = None) -> Generated:
    return Generated(VARIANT, paint(VARIANT) if frames is None else frames, 0.0, 0.1)


def test_frames_are_spread_over_the_clip_including_both_ends():
    assert list(evenly_spaced_indices(17)) == [0, 2, 5, 7, 9, 11, 14, 16]
    assert list(evenly_spaced_indices(3)) == [0, 1, 2]


def test_adherence_is_a_cosine_and_the_rank_counts_better_prompts():
    score = score_frames(ScoredClip.of(generated()), FakeScorer(), ["a red circle", "there is nothing"], GATE)
    assert 0.9 < score.prompt_adherence <= 1.0
    assert (score.prompt_rank, score.num_distractors) == (1, 1)
    assert score.scorer == "fake-scorer@1"
    assert score.variant_id == VARIANT.variant_id


def test_equal_prompts_do_not_rank_against_themselves():
    score = score_frames(ScoredClip.of(generated()), FakeScorer(), ["a red circle"] * 5, GATE)
    assert (score.prompt_rank, score.num_distractors) == (1, 0)


def test_a_black_clip_is_not_embedded():
    scorer = Counting()
    score = score_frames(ScoredClip.of(generated(np.zeros((17, 96, 96, 3), np.uint8))), scorer, [], GATE)
    assert scorer.frames == 0
    assert score.prompt_adherence is None
    assert not GATE.judge(score).passed


@pytest.mark.parametrize("number", [0, 5, 200])
def test_distractors_are_limited_and_deterministic(number):
    prompts = [f"a cup number {n}" for n in range(number)] + ["own"]
    chosen = distractors_of("own", prompts)
    assert chosen == distractors_of("own", prompts[::-1])
    assert len(chosen) == min(number, MAX_DISTRACTORS)
    assert "own" not in chosen
