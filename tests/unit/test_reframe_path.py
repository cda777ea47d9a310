"""The path of the crop, apart from what it follows."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.media.reframe import library
from adapters.media.reframe.camera import MAX_SPEED, POINTS_PER_S, camera_path, simplified
from adapters.media.reframe.crop import CropPath, crop_path, crop_size
from manifests.errors import FinishError

POSITIONS = 256


def profiles_of(places: np.ndarray, width: float = 0.06) -> np.ndarray:
    """Return profiles with one peak each."""
    across = np.linspace(0, 1, POSITIONS)
    return (np.abs(across[None] - np.asarray(places)[:, None]) < width / 2).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.floats(0.1, 0.9),
    st.sampled_from([0.05, 0.125, 0.3]),
)
def test_the_window_stays_inside_and_is_never_too_fast(places: list[float], kept: float, gap: float) -> None:
    seconds = np.arange(len(places)) * gap
    centres = camera_path(profiles_of(np.array(places)), list(seconds), kept)
    assert centres.min() >= kept / 2 - 1e-9
    assert centres.max() <= 1 - kept / 2 + 1e-9
    assert np.abs(np.diff(centres)).max(initial=0) <= MAX_SPEED * gap + 2 / POSITIONS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_simplified_points_are_few_and_contain_the_ends(values: list[float]) -> None:
    seconds = list(np.arange(len(values)) / 8)
    indices = simplified(seconds, np.array(values))
    assert indices[0] == 0
    assert indices[-1] == len(values) - 1
    assert len(indices) <= 2 + POINTS_PER_S * seconds[-1]


def test_a_slow_subject_is_followed_smoothly() -> None:
    seconds = list(np.arange(40) / 8)
    places = np.linspace(0.1, 0.9, 40)
    centres = camera_path(profiles_of(places), seconds, 0.316)
    middle = slice(8, 32)
    assert np.abs(centres - places)[middle].max() < 0.1
    assert np.abs(np.diff(centres, 2)).max() < 0.02


def test_the_mass_counts_and_not_the_centroid() -> None:
    """Of two subjects, the larger one is shown; the place between them shows neither."""
    across = np.linspace(0, 1, POSITIONS)
    two = (np.abs(across - 0.15) < 0.06) * 1.0 + (np.abs(across - 0.85) < 0.04)
    centres = camera_path(np.tile(two.astype(np.float32), (16, 1)), list(np.arange(16) / 8), 0.3)
    assert np.ptp(centres) == 0
    assert abs(centres[0] - 0.15) < 0.1


@pytest.mark.parametrize(
    ("size", "target", "window"),
    [
        ((1280, 720), (9, 16), (405, 720)),
        ((1280, 720), (1080, 1350), (576, 720)),
        ((720, 1280), (16, 9), (720, 405)),
        ((720, 720), (1, 1), (720, 720)),
    ],
)
def test_the_window_is_the_largest_of_its_ratio(
    size: tuple[int, int], target: tuple[int, int], window: tuple[float, float]
) -> None:
    assert crop_size(size, target) == pytest.approx(window)


def test_a_path_set_by_hand_is_used_without_looking_at_the_clip() -> None:
    by_hand = ((0.0, 0.2, 0.5), (2.0, 0.8, 0.5))
    path = crop_path(Path("missing.mp4"), (9, 16), by_hand)
    assert path == CropPath(by_hand, ("set by hand",))
    assert path.centres([-1, 1, 9]) == pytest.approx(np.array([[0.2, 0.5], [0.5, 0.5], [0.8, 0.5]]))


def test_the_crop_is_never_outside_the_master() -> None:
    path = CropPath(((0.0, 0.0, 0.5), (1.0, 1.0, 0.5)))
    corners = path.corners([0, 0.5, 1], (1280, 720), (9, 16))
    assert corners == pytest.approx(np.array([[0, 0], [437.5, 0], [875, 0]]))


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (((1.0, 0.5, 0.5), (1.0, 0.6, 0.5)), "not in order of time"),
        (((0.0, 1.2, 0.5),), "outside the clip"),
        (((-1.0, 0.5, 0.5),), "outside the clip"),
        (((0.0, float("nan"), 0.5),), "outside the clip"),
    ],
)
def test_an_invalid_path_is_refused(points: tuple[tuple[float, float, float], ...], sentence: str) -> None:
    with pytest.raises(FinishError, match=sentence):
        crop_path(Path("missing.mp4"), (9, 16), points)


def test_a_missing_extra_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    library.opencv.cache_clear()
    with pytest.raises(FinishError, match=r"pip install 'reelmill\[finish\]'"):
        library.opencv()
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    library.face_model.cache_clear()
    with pytest.raises(FinishError, match=r"pip install 'reelmill\[finish\]'"):
        library.face_model()
    library.opencv.cache_clear()
    library.face_model.cache_clear()
