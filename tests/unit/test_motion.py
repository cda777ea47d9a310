"""Slow motion and drifting colours of clips with few steps, on clips whose motion is known."""

import numpy as np
import pytest
from fake_scorer import FakeScorer
from pydantic import ValidationError

from manifests.scoring.gate import Gate
from manifests.variant import Variant
from models.card_parts import Distilled
from models.protocols import Generated
from tasks.score import motion
from tasks.score.frame_source import ArrayFrames
from tasks.score.motion import few_step_checks
from tasks.score.score import ScoredClip, score_frames

HEIGHT, WIDTH, FPS, FRAMES = 240, 468, 16, 33
GATE = Gate(-1.0)


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return squares of 8x8 pixels with random brightness."""
    squares = np.random.default_rng(seed).normal(128, 45, (-(-height // 8), -(-width // 8)))
    return np.clip(np.kron(squares, np.ones((8, 8)))[:height, :width], 0, 255)


def moving(speed: float, num_frames: int = FRAMES, fps: int = FPS) -> np.ndarray:
    """Return a clip in which a textured square crosses a picture, at a speed in percent of the height per second."""
    frames = np.empty((num_frames, HEIGHT, WIDTH, 3), np.uint8)
    background, square = texture(HEIGHT, WIDTH, 1) * 0.3 + 60, texture(90, 90)
    for index in range(num_frames):
        left = round(20 + speed / 100 * HEIGHT * index / fps)
        picture = background.copy()
        picture[70:160, left : left + 90] = square
        frames[index] = picture[..., None]
    return frames


def motion_speed(frames: np.ndarray, fps: float) -> float:
    return motion.motion_speed(ArrayFrames(frames, fps), fps)


def colour_drift(frames: np.ndarray) -> float:
    return motion.colour_drift(ArrayFrames(frames, FPS))


@pytest.mark.parametrize("speed", [12, 20, 30, 45, 70])
def test_the_speed_of_a_moving_thing_is_measured(speed):
    assert motion_speed(moving(speed), FPS) == pytest.approx(speed, rel=0.25)


def test_the_frame_rate_does_not_matter():
    assert motion_speed(moving(24, 49, 24), 24) == pytest.approx(motion_speed(moving(24, 17, 8), 8), rel=0.25)


def test_half_the_speed_is_measured_as_about_half():
    assert motion_speed(moving(12), FPS) == pytest.approx(motion_speed(moving(24), FPS) / 2, rel=0.2)


def test_what_changes_without_moving_has_no_speed():
    still = moving(0)
    noise = np.random.default_rng(0).normal(0, 6, still.shape)
    flickering, fading = still.copy(), still * np.linspace(1, 1.5, FRAMES)[:, None, None, None]
    flickering[::2] = flickering[::2] * 0.8
    for clip in (still, still + noise, flickering, fading):
        assert motion_speed(np.clip(clip, 0, 255).astype(np.uint8), FPS) < 2


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (9, 6, 6, 3), (9, 16, 64, 3)])
def test_tiny_clips_can_be_measured(shape):
    assert motion_speed(np.zeros(shape, np.uint8), 8) == 0.0
    assert colour_drift(np.zeros(shape, np.uint8)) == 0.0


def test_colours_drift_if_the_whole_picture_changes_but_not_if_something_moves_or_grows():
    still = moving(0)
    brighter = np.clip(still * np.linspace(1, 1.4, FRAMES)[:, None, None, None], 0, 255).astype(np.uint8)
    redder = still.copy()
    redder[-8:, ..., 0] = np.clip(redder[-8:, ..., 0].astype(int) + 40, 0, 255)
    growing = still.copy()
    for index in range(FRAMES):
        growing[index, :, : index * 6] = 255
    assert colour_drift(brighter) > 25
    assert colour_drift(redder) > 25
    assert colour_drift(moving(60)) < 3
    assert colour_drift(growing) < 3


def scored(frames: np.ndarray, distilled: Distilled | None):
    variant = Variant("wan", "1", "a red circle", "", 1, HEIGHT, WIDTH, len(frames), FPS, 4, 1.0)
    return score_frames(ScoredClip.of(Generated(variant, frames, 0.0, 1.0)), FakeScorer(), [], GATE, distilled)


def test_a_few_step_clip_in_slow_motion_does_not_pass():
    normal, slow = moving(30), moving(12)
    assert GATE.judge(scored(normal, Distilled())).passed
    [reason] = GATE.judge(scored(slow, Distilled())).reasons
    assert reason.code == "slow motion"
    assert "slow motion" in reason.sentence
    assert GATE.judge(scored(slow, None)).passed  # many steps: slow because the prompt wants it
    assert GATE.judge(scored(slow, Distilled(min_motion=8))).passed


def test_a_few_step_clip_with_drifting_colours_does_not_pass():
    drifting = np.clip(moving(30) * np.linspace(1, 1.5, FRAMES)[:, None, None, None], 0, 255).astype(np.uint8)
    assert [reason.code for reason in GATE.judge(scored(drifting, Distilled())).reasons] == ["drift"]
    assert GATE.judge(scored(drifting, None)).passed


def test_a_later_check_of_the_stored_score_gives_the_same_verdict():
    """The shares are relative to the card's limits, so judging again needs no card."""
    score = scored(moving(12), Distilled(min_motion=8))
    assert (
        few_step_checks(ArrayFrames(moving(12), FPS), FPS, Distilled(min_motion=8))["motion_share"]
        == score.checks["motion_share"]
    )
    assert Gate(-1.0).judge(score).passed


def test_a_frozen_clip_is_only_reported_as_frozen():
    score = scored(moving(0), Distilled())
    assert [reason.code for reason in GATE.judge(score).reasons] == ["frozen"]
    assert "motion_share" not in score.checks


def test_limits_of_zero_are_refused():
    with pytest.raises(ValidationError):
        Distilled(min_motion=0)
