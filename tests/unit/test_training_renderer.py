"""The procedural clips are deterministic, have the requested shape and pass the untrained judges."""

import numpy as np
import pytest

from training.judges.colour_judge import colours_right, colours_swapped
from training.judges.motion_judge import read_motion
from training.scenes.renderer import render
from training.scenes.scene import MOTIFS, MOTIONS, SIZES, Scene, is_drawable, is_held_out, sample_scene


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("motif", MOTIFS)
def test_clip_has_shape_and_both_colours(motif, size):
    scene = Scene(motif, "red", "white", "drifting left")
    clip = render(scene, *size, np.random.default_rng(0))
    assert clip.shape == (17, *size, 3)
    assert clip.dtype == np.uint8
    assert colours_right(clip, motif, "red", "white")
    assert not colours_swapped(clip, motif, "red", "white")


def test_same_seed_same_pixels():
    scene = Scene("confetti", "pink", "black", "rotating")
    first, second = (render(scene, 96, 96, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, second)


def test_part_of_a_clip_is_that_part():
    scene = Scene("cup", "blue", "yellow", "zooming in")
    whole = render(scene, 96, 160, np.random.default_rng(4))
    part = render(scene, 96, 160, np.random.default_rng(4), num_frames=5, first=6)
    assert np.abs(whole[6:11].astype(int) - part).max() <= 60
    assert (whole[6:11] != part).mean() < 0.05


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("motif", ["square", "bottle", "snow", "stripes", "gradient"])
def test_motion_is_read_from_the_flow(motif, motion):
    clip = render(Scene(motif, "blue", "white", motion), 96, 96, np.random.default_rng(1))
    assert read_motion(clip) == motion


def test_frozen_clip_has_no_motion():
    still = render(Scene("square", "blue", "white", "rotating"), 96, 96, np.random.default_rng(1), 1)
    assert read_motion(np.repeat(still, 17, axis=0)) is None


def test_held_out_scenes_are_never_drawn_for_training():
    rng = np.random.default_rng(0)
    training = [sample_scene(rng) for _ in range(300)]
    held_out = [sample_scene(rng, held_out=True) for _ in range(50)]
    assert not any(is_held_out(scene) for scene in training)
    assert all(is_held_out(scene) and is_drawable(scene) for scene in held_out)
