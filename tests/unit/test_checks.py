"""Technical checks: each defect fails with exactly its reason; good clips pass, with much or little motion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.scoring.gate import LIMITS, Gate
from manifests.scoring.score import Score
from manifests.variant import Variant
from models.fake import paint
from tasks.score.frame_source import ArrayFrames
from tasks.score.technical_checks import EXACT, PictureChecks, Tolerance, measure

HEIGHT, WIDTH, FRAMES = 90, 160, 17
VARIANT = Variant("c", "1", "p", "", 1, HEIGHT, WIDTH, FRAMES, 8, 1, 1.0)
Y, X = np.mgrid[:HEIGHT, :WIDTH]


def reasons(frames: np.ndarray, nan_share: float = 0.0, variant: Variant = VARIANT) -> list[str]:
    checks = measure(ArrayFrames(frames, variant.fps), nan_share, variant)
    score = Score(variant.variant_id, checks, prompt_adherence=1.0, prompt_rank=1)
    return [reason.code for reason in Gate(min_adherence=0.0).judge(score).reasons]


def clip(painted: list[np.ndarray], background=(200, 200, 200), colour=(180, 40, 40)) -> np.ndarray:
    """Return frames from masks."""
    masks = np.stack(painted)[..., None]
    return np.where(masks, np.uint8(colour), np.uint8(background)).astype(np.uint8)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    return (X - x) ** 2 + (Y - y) ** 2 < radius**2


def drifting(step: float, radius: float = 6, **colours) -> np.ndarray:
    return clip([disc(40 + step * index, 45, radius) for index in range(FRAMES)], **colours)


def pulsing() -> np.ndarray:
    return clip([disc(80, 45, 25 * (1 + 0.25 * np.sin(2 * np.pi * index / 8))) for index in range(FRAMES)])


def gradient() -> np.ndarray:
    ramp = [127 + 100 * np.sin((X + 3 * index) / 40) for index in range(FRAMES)]
    return np.repeat(np.stack(ramp)[..., None], 3, axis=-1).astype(np.uint8)


def snow(share: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(0)
    flakes = rng.random((HEIGHT + 4 * FRAMES, WIDTH)) < share
    flakes |= np.roll(flakes, 1, 0) | np.roll(flakes, 1, 1)
    return clip([flakes[4 * index : 4 * index + HEIGHT] for index in range(FRAMES)], (20, 30, 60), (250, 250, 250))


def stripes() -> np.ndarray:
    return clip([(X + 4 * index) % 32 < 16 for index in range(FRAMES)], (255, 255, 255), (0, 0, 0))


def fading() -> np.ndarray:
    levels = np.linspace(0.1, 1, FRAMES)[:, None, None, None]
    return (gradient()[:1] * levels).astype(np.uint8)


def slowly_breathing_light() -> np.ndarray:
    levels = 1 + 0.4 * np.sin(2 * np.pi * np.arange(FRAMES) / 12)[:, None, None, None]
    return (gradient()[:1] / 2 * levels).astype(np.uint8)


def cut() -> np.ndarray:
    return np.concatenate([stripes()[:8], drifting(1)[:9]])


def night() -> np.ndarray:
    return drifting(2, radius=8, background=(0, 0, 0), colour=(255, 255, 255))


GOOD = {
    "a small shape that moves half a pixel per frame": drifting(0.5),
    "a faint shape": drifting(1, background=(200, 200, 200), colour=(188, 188, 188), radius=20),
    "red on blue of the same green": drifting(1, background=(40, 40, 220), colour=(220, 40, 40)),
    "a small light in the night": night(),
    "a blue light in the night": drifting(1, radius=15, background=(0, 0, 0), colour=(0, 0, 255)),
    "a pulsing shape": pulsing(),
    "a drifting gradient": gradient(),
    "snow": snow(),
    "black and white stripes": stripes(),
    "a fade": fading(),
    "slowly breathing light": slowly_breathing_light(),
    "a cut": cut(),
    "the fake generator's": paint(VARIANT),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_clips_pass(name):
    assert reasons(GOOD[name]) == []


@pytest.mark.parametrize("name", GOOD)
def test_good_clips_with_grain_pass(name):
    assert reasons(grain(GOOD[name], 2)) == []


def grain(frames: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, sigma, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


def full(colour) -> np.ndarray:
    return np.full((FRAMES, HEIGHT, WIDTH, 3), colour, np.uint8)


def still() -> np.ndarray:
    return np.repeat(stripes()[:1], FRAMES, axis=0)


def strobing(depth: float, frames: np.ndarray) -> np.ndarray:
    dark = np.arange(len(frames)) % 2 * depth
    return (frames * (1 - dark[:, None, None, None])).astype(np.uint8)


def half_strobing() -> np.ndarray:
    frames = gradient()
    frames[::2, :, : WIDTH // 2] = 255 - frames[::2, :, : WIDTH // 2] // 2
    return frames


DEFECTS = [
    ("black", full(0), "black"),
    ("black with a dead pixel's glow", np.where((X == 3) & (Y == 3), 255, 0)[None, ..., None] + full(0), "black"),
    ("black with grain", grain(full(0), 1), "black"),
    ("flat", full((90, 160, 30)), "flat"),
    ("flat with grain", grain(full((90, 160, 30)), 1), "flat"),
    ("flat and fading", np.linspace(20, 200, FRAMES)[:, None, None, None] + full(0), "flat"),
    ("frozen", still(), "frozen"),
    ("frozen with grain", grain(np.repeat(gradient()[:1], FRAMES, axis=0), 3), "frozen"),
    ("strobing", strobing(1.0, drifting(1)), "flicker"),
    ("strobing a little", strobing(0.15, drifting(1)), "flicker"),
    ("strobing in a half", half_strobing(), "flicker"),
    ("strobing every other pair", strobing(1.0, drifting(1))[np.arange(FRAMES) // 2], "flicker"),
    ("too small", drifting(1)[:, :-2], "wrong size"),
    ("on its side", drifting(1).transpose(0, 2, 1, 3), "wrong size"),
    ("a frame short", drifting(1)[:-1], "wrong duration"),
    ("twice as long", np.concatenate([drifting(1), drifting(1)]), "wrong duration"),
]


@pytest.mark.parametrize(("frames", "code"), [defect[1:] for defect in DEFECTS], ids=[defect[0] for defect in DEFECTS])
def test_a_defect_fails_with_exactly_its_reason(frames, code):
    assert reasons(np.asarray(frames, np.uint8)) == [code]


@pytest.mark.parametrize("share", [1.0, 0.3, 1e-6])
def test_non_finite_values_are_the_only_reason(share):
    frames = drifting(1)
    frames[:, : round(HEIGHT * share)] = 0
    assert reasons(frames, share) == ["nan"]


def test_two_defects_give_two_reasons():
    assert reasons(strobing(1.0, drifting(1))[:-2, :-2]) == ["flicker", "wrong size", "wrong duration"]


@pytest.mark.parametrize("shape", [(0, HEIGHT, WIDTH, 3), (FRAMES, 0, WIDTH, 3), (0, 0, 0, 3)])
def test_zero_frames_raise_no_error(shape):
    assert reasons(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(("height", "width"), [(480, 832), (720, 1280), (64, 64), (1080, 1920)])
def test_the_verdict_does_not_depend_on_the_resolution(height, width):
    variant = VARIANT._replace(height=height, width=width, num_frames=9)
    moving = paint(variant)
    assert reasons(moving, variant=variant) == []
    assert reasons(np.repeat(moving[:1], 9, axis=0), variant=variant) == ["frozen"]
    assert reasons(strobing(0.5, moving), variant=variant) == ["flicker"]


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_any_frames_give_finite_numbers_with_known_names(number, height, width, seed, nan_share):
    frames = np.random.default_rng(seed).integers(0, 256, (number, height, width, 3)).astype(np.uint8)
    checks = measure(ArrayFrames(frames, VARIANT.fps), nan_share, VARIANT)
    assert set(checks) <= set(LIMITS)
    assert all(type(value) is float and np.isfinite(value) for value in checks.values())
    assert checks["duration_error"] == abs(number - FRAMES) / 8
    assert checks["size_error"] == max(abs(height - HEIGHT), abs(width - WIDTH))


def in_one_piece(frames: np.ndarray) -> dict[str, float]:
    """The measurements of pictures, written for an array of all frames at once."""
    stride = max(1, min(frames.shape[1:3]) // 96)
    small = frames[:, ::stride, ::stride].astype(np.float64)
    rows, columns = (max(1, side // min(6, side)) for side in small.shape[1:3])
    down, right = (min(6, side) for side in small.shape[1:3])
    cells = small[:, : rows * down, : columns * right].reshape(len(small), rows, down, columns, right, 3)
    change = np.sort(np.ptp(cells.mean(axis=(2, 4)), axis=0).max(axis=-1).ravel())
    luma = small @ [0.2126, 0.7152, 0.0722]
    high, wide = (max(1, side // 2) for side in luma.shape[1:])
    tiled = luma[:, : luma.shape[1] // high * high, : luma.shape[2] // wide * wide]
    tiles = tiled.reshape(len(tiled), -1, high, tiled.shape[2] // wide, wide).mean(axis=(2, 4))
    bends = tiles[1:-1] - (tiles[:-2] + tiles[2:]) / 2
    return {
        "luma_mean": small.max(axis=-1).mean(),
        "luma_spread": small.std(axis=(1, 2)).max(axis=-1).mean(),
        "frame_difference": change[-max(1, round(change.size / 100)) :].mean(),
        "temporal_flickering": np.abs(bends).mean() if len(tiles) > 2 else 0.0,
    }


@given(st.integers(1, 7), st.integers(2, 210), st.integers(2, 210), st.integers(0, 2**32 - 1))
def test_one_frame_after_the_other_gives_the_figures_of_the_whole_clip(number, height, width, seed):
    frames = np.random.default_rng(seed).integers(0, 256, (number, height, width, 3)).astype(np.uint8)
    checks = PictureChecks()
    for frame in frames:
        checks.add(frame)
    assert checks.values() == pytest.approx(in_one_piece(frames), rel=1e-4, abs=1e-3)


def test_clips_of_providers_may_differ_within_the_tolerance():
    frames = ArrayFrames(drifting(1)[:, :, :-2], 8.0)
    for tolerance, size_error in ((Tolerance(2, 0.5), 0.0), (Tolerance(1, 0.5), 2.0), (EXACT, 2.0)):
        assert measure(frames, 0.0, VARIANT, tolerance)["size_error"] == size_error
    longer = VARIANT._replace(num_frames=FRAMES + 4)  # half a second
    for tolerance, duration_error in ((Tolerance(2, 0.5), 0.0), (Tolerance(2, 0.4), 0.5), (EXACT, 0.5)):
        assert measure(frames, 0.0, longer, tolerance)["duration_error"] == duration_error
    at_another_rate = ArrayFrames(drifting(1), FRAMES / 2.125)
    assert measure(at_another_rate, 0.0, VARIANT._replace(fps=24, num_frames=51), Tolerance(0, 0.0)) == {
        **measure(at_another_rate, 0.0, VARIANT),
        "duration_error": 0.0,
    }
