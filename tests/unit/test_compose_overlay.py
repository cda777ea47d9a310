"""Drawn layers on pictures: colours, positions, exact frames and animations."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from hypothesis import given
from hypothesis import strategies as st

from adapters.media.compose.encoder import encode_pictures
from adapters.media.compose.layer import DrawnLayer
from adapters.media.compose.overlay import Overlay
from adapters.media.compose.yuv import filled, planes_of
from manifests.finish.bitrate import RateControl
from manifests.finish.design.template import Motion

FPS = Fraction(25)
SIZE = (192, 108)
BRAND = {
    "red": (229, 50, 45),
    "blue": (0, 87, 255),
    "grey": (128, 128, 128),
    "green": (0, 200, 83),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
TO_RGB = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def box(colour: tuple[int, int, int] = (255, 255, 255), width: int = 40, height: int = 24, alpha: int = 255):
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[...] = (*colour, alpha)
    return pixels


def layer(pixels: np.ndarray, x: int = 50, y: int = 30, start_s: float = 0.0, end_s: float = 1.0, **motions):
    return DrawnLayer("box", pixels, x, y, start_s, end_s, **motions)


def still(picture: np.ndarray) -> np.ndarray:
    """A picture that is shown more than once."""
    picture.flags.writeable = False
    return picture


def drawn(layers: list[DrawnLayer], frames: int = 25, below: tuple[int, int, int] = (0, 0, 0)) -> list[np.ndarray]:
    return list(Overlay(layers, FPS, *SIZE).over([still(filled(*SIZE, below))] * frames))


def covered(picture: np.ndarray) -> tuple[int, int, int, int] | None:
    """The rectangle of white luma on black: left, top, right, bottom."""
    rows, columns = np.nonzero(planes_of(picture).y > 125)
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else None


def rgb(path: Path, index: int) -> np.ndarray:
    with av.open(str(path)) as container:
        frame = [frame for frame in container.decode(video=0)][index]
    return frame.reformat(
        format="rgb24",
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=TO_RGB,
    ).to_ndarray()


@pytest.mark.parametrize("name", BRAND)
def test_colours_are_exact_within_three_after_encoding(tmp_path, name):
    noise = np.random.default_rng(1).integers(16, 235, (10, 108 * 3 // 2, 192), dtype=np.uint8)
    pictures = Overlay([layer(box(BRAND[name]), 50, 30)], FPS, *SIZE).over(list(noise))
    encode_pictures(pictures, FPS, RateControl(), tmp_path / "out.mp4")
    middle = rgb(tmp_path / "out.mp4", 5)[38:46, 60:80].reshape(-1, 3).mean(axis=0)
    assert np.abs(middle - BRAND[name]).max() <= 3


@pytest.mark.parametrize(("x", "y"), [(50, 30), (51, 31), (0, 0), (152, 84), (-10, 30), (170, 100), (50, -7)])
def test_a_layer_lies_where_it_was_drawn_after_encoding(tmp_path, x, y):
    pictures = drawn([layer(box(), x, y)], 3)
    encode_pictures(pictures, FPS, RateControl(), tmp_path / "out.mp4")
    rows, columns = np.nonzero(rgb(tmp_path / "out.mp4", 1).mean(axis=2) > 127)
    expected = (max(x, 0), max(y, 0), min(x + 40, 192), min(y + 24, 108))
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert found == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(("x", "y"), [(50, 30), (51, 31), (-11, -3), (151, 85)])
def test_luma_is_placed_at_the_exact_pixel(x, y):
    assert covered(drawn([layer(box(), x, y)])[0]) == (max(x, 0), max(y, 0), min(x + 40, 192), min(y + 24, 108))


def test_a_layer_outside_the_frame_changes_nothing():
    for x, y in ((192, 30), (-40, 30), (50, 108), (50, -24), (500, 500)):
        assert (drawn([layer(box(), x, y)])[0] == filled(*SIZE, (0, 0, 0))).all()


@given(st.floats(0, 0.9), st.floats(0.05, 1), st.sampled_from([Fraction(24), Fraction(30000, 1001), Fraction(8)]))
def test_layers_are_visible_at_exact_frames(start_s, length_s, fps):
    black = still(filled(*SIZE, (0, 0, 0)))
    pictures = Overlay([layer(box(), start_s=start_s, end_s=start_s + length_s)], fps, *SIZE).over([black] * 60)
    seen = [index for index, picture in enumerate(pictures) if covered(picture)]
    first = round(Fraction(start_s) * fps)
    assert seen == list(range(first, max(first + 1, round(Fraction(start_s + length_s) * fps))))


def test_layers_that_follow_each_other_leave_no_gap_and_do_not_overlap():
    pictures = drawn([layer(box(), 10, 10, 0, 0.33), layer(box(), 100, 10, 0.33, 1)])
    lefts = [covered(picture)[0] for picture in pictures]
    assert lefts == [10] * 8 + [100] * 17


def test_transparency_is_mixed_and_later_layers_lie_above():
    half = drawn([layer(box(alpha=128))])[0]
    assert planes_of(half).y[40, 60] == pytest.approx(16 + 219 * 128 / 255, abs=1)
    above = drawn([layer(box()), layer(box((0, 0, 0)), 60, 36)])[0]
    assert (planes_of(above).y[50, 55], planes_of(above).y[50, 70]) == (235, 16)


def test_colours_of_transparent_pixels_do_not_show_at_edges():
    """Chroma has half the resolution: a red edge next to transparent green stays red."""
    pixels = box((229, 50, 45), 41, 25)
    pixels[:, 21:] = (0, 255, 0, 0)
    planes = planes_of(drawn([layer(pixels, 50, 30)], below=(229, 50, 45))[0])
    assert np.ptp(planes.u.astype(int)) <= 1
    assert np.ptp(planes.v.astype(int)) <= 1


def test_a_fade_rises_and_falls_evenly():
    fade = Motion(kind="fade", seconds=0.2)
    levels = [int(planes_of(picture).y[40, 60]) for picture in drawn([layer(box(), enter=fade, leave=fade)])]
    steps = [16 + 219 * share / 6 for share in range(1, 6)]
    assert levels[:5] == pytest.approx(steps, abs=2)
    assert levels[5:20] == [235] * 15
    assert levels[20:] == pytest.approx(steps[::-1], abs=2)


SLIDES = {"slide-up": (1, -1), "slide-down": (1, 1), "slide-left": (0, -1), "slide-right": (0, 1)}
"""The axis and the direction of each movement."""


@pytest.mark.parametrize("kind", SLIDES)
def test_a_slide_moves_in_its_direction_while_it_fades(kind):
    axis, sign = SLIDES[kind]
    slide = Motion(kind=kind, seconds=0.4)
    pictures = drawn([layer(box(), 76, 42, enter=slide, leave=slide)])
    edges = [place(picture)[axis] for picture in pictures]
    assert edges[10:15] == [(76, 42)[axis]] * 5
    assert sorted(edges, reverse=sign < 0) == edges
    assert abs(edges[0] - edges[-1]) >= 8
    levels = [int(planes_of(picture).y.max()) for picture in pictures]
    assert levels == levels[::-1]
    assert levels[:11] == sorted(set(levels))


def place(picture: np.ndarray) -> tuple[int, int]:
    """Left and top edge of a box that may be nearly transparent."""
    rows, columns = np.nonzero(planes_of(picture).y > 18)
    return int(columns.min()), int(rows.min())


@pytest.mark.parametrize("kind", SLIDES)
def test_a_card_slides_in_from_outside_without_a_fade(kind):
    axis, sign = SLIDES[kind]
    card = layer(box(width=192, height=108), 0, 0, enter=Motion(kind=kind, seconds=0.4))
    pictures = drawn([card])
    assert {int(planes_of(picture).y.max()) for picture in pictures} == {235}
    shares = [(planes_of(picture).y == 235).mean() for picture in pictures]
    assert shares == sorted(shares)
    assert shares[0] < 0.3
    assert shares[10:] == [1.0] * 15
    first = covered(pictures[2])
    assert (first[axis] > 0) == (sign < 0)


def test_a_wipe_uncovers_and_covers_from_left_to_right():
    wipe = Motion(kind="wipe", seconds=0.4)
    found = [covered(picture) for picture in drawn([layer(box(), 50, 30, enter=wipe, leave=wipe)])]
    assert [each[0] for each in found[:15]] == [50] * 15
    rights = [each[2] - 50 for each in found[:10]]
    assert rights == pytest.approx([40 * share / 11 for share in range(1, 11)], abs=1.1)
    assert [each[2] for each in found[10:]] == [90] * 15
    assert [each[0] for each in found[15:]] == sorted(each[0] for each in found[15:])


def test_a_progress_bar_may_grow_for_the_whole_time():
    bar = layer(box(width=192, height=4), 0, 104, enter=Motion(kind="wipe", seconds=1))
    widths = [covered(picture)[2] for picture in drawn([bar])]
    assert widths == pytest.approx([192 * share / 26 for share in range(1, 26)], abs=1.1)


def test_motions_that_are_longer_than_the_layer_share_its_time():
    fade = Motion(kind="fade", seconds=1)
    levels = [int(planes_of(p).y[40, 60]) for p in drawn([layer(box(), end_s=0.4, enter=fade, leave=fade)], 10)]
    assert levels == levels[::-1]
    assert max(levels) == levels[4] > 180


def test_a_full_frame_card_hides_what_is_below():
    card = layer(box((0, 87, 255), *SIZE), 0, 0, 0, 1)
    noise = np.random.default_rng(0).integers(0, 255, (108 * 3 // 2, 192), dtype=np.uint8)
    [picture] = Overlay([layer(box(), 10, 10), card], FPS, *SIZE).over([noise])
    assert (picture == filled(*SIZE, (0, 87, 255))).all()


def test_only_pictures_that_are_shown_once_are_changed():
    below = still(filled(*SIZE, (0, 0, 0)))
    pictures = list(Overlay([layer(box())], FPS, *SIZE).over([below, below]))
    assert (below == filled(*SIZE, (0, 0, 0))).all()
    assert pictures[0] is pictures[1]
    once = filled(*SIZE, (0, 0, 0))
    [picture] = Overlay([layer(box())], FPS, *SIZE).over([once])
    assert picture is once


def test_sparse_layers_are_blended_in_parts():
    """Two lines of text far apart in a full-frame layer: both are visible, and the part between is not touched."""
    pixels = np.zeros((108, 192, 4), np.uint8)
    pixels[5:9, 20:60] = pixels[95:101, 100:180] = 255
    overlay = Overlay([layer(pixels, 0, 0)], FPS, *SIZE)
    [picture] = overlay.over([filled(*SIZE, (0, 0, 0))])
    assert (planes_of(picture).y > 125).sum() == 4 * 40 + 6 * 80
