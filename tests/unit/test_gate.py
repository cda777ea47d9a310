"""A gate gives every reason."""

import pytest

from manifests.scoring.gate import LIMITS, REASON_LABELS, Gate
from manifests.scoring.score import Score

GOOD = {
    "nan_share": 0.0,
    "luma_mean": 120.0,
    "luma_spread": 40.0,
    "frame_difference": 60.0,
    "temporal_flickering": 1.0,
    "size_error": 0.0,
    "duration_error": 0.0,
}


def score(adherence=0.3, rank=1, distractors=7, **checks) -> Score:
    return Score("v", {**GOOD, **checks}, adherence, rank, distractors, "s")


def codes(verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_good_clip_passes():
    assert Gate(0.25).judge(score()).passed


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ({"nan_share": 0.01}, "nan"),
        ({"luma_mean": 1.0}, "black"),
        ({"frame_difference": 0.0}, "frozen"),
        ({"temporal_flickering": 90.0}, "flicker"),
        ({"size_error": 2.0}, "wrong size"),
        ({"duration_error": 1.0}, "wrong duration"),
        ({"luma_mean": float("nan")}, "black"),
    ],
)
def test_each_technical_reason(checks, code):
    verdict = Gate(0.25).judge(score(**checks))
    assert codes(verdict) == [code]
    assert not verdict.passed


def test_each_code_has_words():
    assert {"adherence", "rank", "unscored", "generation", *(limit.code for limit in LIMITS.values())} == set(
        REASON_LABELS
    )


def test_all_reasons_are_returned_at_once():
    verdict = Gate(0.25).judge(score(adherence=0.1, rank=8, luma_mean=0.0, frame_difference=0.0))
    assert codes(verdict) == ["black", "frozen", "adherence", "rank"]
    assert "0.100" in verdict.reasons[2].sentence


@pytest.mark.parametrize(
    ("rank", "distractors", "passes"),
    [
        (1, 0, True),
        (1, 7, True),
        (2, 7, True),
        (3, 7, False),
        (2, 3, False),
        (8, 31, True),
        (9, 31, False),
    ],
)
def test_the_own_prompt_must_rank_in_the_first_quarter(rank, distractors, passes):
    assert Gate(0.25).judge(score(rank=rank, distractors=distractors)).passed is passes


def test_adherence_that_is_not_a_number_fails():
    assert codes(Gate(0.25).judge(score(adherence=float("nan")))) == ["adherence"]


def test_an_unscored_clip_does_not_pass():
    assert codes(Gate(0.25).judge(Score("v", GOOD))) == ["unscored"]


def test_a_clip_that_fails_its_checks_needs_no_score():
    assert codes(Gate(0.25).judge(Score("v", {**GOOD, "luma_mean": 0.0}))) == ["black"]


def test_each_limit_is_named_once():
    assert len({limit.code for limit in LIMITS.values()}) == len(LIMITS)
