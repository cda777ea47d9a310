"""Footage of deliverables: which frames are shown, how they are fitted, and how much memory it takes."""

import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from adapters.media.compose import footage as footage_module
from adapters.media.compose.fit import Crop, Pad
from adapters.media.compose.footage import FittedShot, pictures_of
from adapters.media.compose.master import Master
from adapters.media.compose.yuv import empty, frame_of, planes_of, size_of
from adapters.media.video import encode
from manifests.errors import EncodingError
from manifests.finish.length import FramePlan, Piece, Wanted, plan_length
from manifests.finish.spec import Extension
from tests.films import index_of, write_film, write_variable_film

FPS = Fraction(24)


def fitted(master: Master, width: int = 64, height: int = 64) -> FittedShot:
    return FittedShot(master, Crop(master, width, height), width * height * 3 // 2)


def shown(plan: FramePlan, *masters: Master) -> list[int]:
    return [index_of(picture) for picture in pictures_of(plan, [fitted(master) for master in masters])]


@pytest.fixture
def film(tmp_path: Path) -> Master:
    return Master(write_film(tmp_path / "film.mp4", 12))


def test_footage_under_cards_stands_still(film):
    plan = FramePlan(FPS, (Piece(0, 0, 12),), 2, 3)
    assert shown(plan, film) == [0, 0, *range(12), 11, 11, 11]


def test_pictures_that_are_shown_more_than_once_are_read_only(film):
    plan = FramePlan(FPS, (Piece(0, 0, 6), Piece(0, 5, 2, 0)), 2, 3)
    found = [picture.flags.writeable for picture in pictures_of(plan, [fitted(film)])]
    assert found == [False] * 3 + [True] * 5 + [False] * 5


@pytest.mark.parametrize("kept", [1, 4, 100])
def test_a_piece_is_played_backwards_whatever_fits_into_memory(film, monkeypatch, kept):
    monkeypatch.setattr(footage_module, "KEPT_BYTES", kept * 64 * 64 * 3 // 2)
    plan = plan_length([12], FPS, Wanted(duration_s=1, extension=Extension.PING_PONG))
    assert shown(plan, film) == [*range(12), *range(10, -1, -1), 1]


def test_a_loop_starts_again_and_a_frozen_frame_stays(film):
    loop = plan_length([12], FPS, Wanted(duration_s=0.75, extension=Extension.LOOP))
    assert shown(loop, film) == [*range(12), *range(6)]
    frozen = plan_length([12], FPS, Wanted(duration_s=0.75, extension=Extension.END_CARD))
    assert shown(frozen, film) == [*range(12), *[11] * 6]


def test_a_crossfade_mixes_both_frames_evenly(film):
    plan = FramePlan(FPS, (Piece(0, 0, 12), Piece(0, 0, 12, 1, 3)), 0, 0)
    found = shown(plan, film)
    assert len(found) == 21
    assert found[:9] == list(range(9))
    assert found[9:12] == [round(9 * 0.75), round((10 + 1) / 2), round(11 * 0.25 + 2 * 0.75)]
    assert found[12:] == list(range(3, 12))


def test_shots_of_other_sizes_and_frame_rates_are_joined(tmp_path, film):
    other = Master(write_film(tmp_path / "other.mp4", 6, fps=12, size=(128, 72), first=20))
    plan = plan_length([film.num_frames(FPS), other.num_frames(FPS)], FPS, Wanted())
    assert shown(plan, film, other) == [*range(12), *(20 + index // 2 for index in range(12))]


def test_a_higher_rate_is_reduced_by_leaving_frames_out(tmp_path):
    fast = Master(write_film(tmp_path / "fast.mp4", 24, fps=48))
    assert shown(plan_length([fast.num_frames(FPS)], FPS, Wanted()), fast) == list(range(0, 24, 2))


def test_variable_frame_rates_and_odd_sizes_keep_the_time_of_each_frame(tmp_path):
    master = Master(write_variable_film(tmp_path / "film.mkv", [0, 40, 200, 240, 280, 320]))
    assert (master.width, master.height) == (96, 64)
    found = [index_of(picture) for picture in fitted(master).pictures(Fraction(25), 0, 9)]
    assert found == [0, 1, 1, 1, 1, 2, 3, 4, 5]


def test_a_master_that_is_missing_or_no_video_is_an_error(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("missing.mp4", "text.mp4"):
        with pytest.raises(EncodingError, match=f"Cannot read the video .*{name}"):
            Master(tmp_path / name)


def test_a_part_of_a_master_starts_at_its_frame(film):
    assert [index_of(picture) for picture in fitted(film).pictures(FPS, 5, 8)] == [5, 6, 7]


def bar(centre: float, width: int = 192, height: int = 96) -> np.ndarray:
    """A frame with a white bar whose centre is at a fraction of the width."""
    picture = empty(width, height)
    planes = planes_of(picture)
    planes.y[:], planes.u[:], planes.v[:] = 16, 128, 128
    columns = np.arange(width) + 0.5
    planes.y[:] = (16 + 219 * np.clip(10 - np.abs(columns - centre * width), 0, 1))[None]
    return picture


def centroid(picture: np.ndarray) -> float:
    luma = planes_of(picture).y.astype(float).mean(axis=0) - 16
    return float((luma * (np.arange(len(luma)) + 0.5)).sum() / luma.sum())


@pytest.fixture
def wide(tmp_path: Path) -> Master:
    return Master(write_film(tmp_path / "wide.mp4", 2, size=(192, 96)))


@pytest.mark.parametrize("size", [(96, 96), (54, 96), (80, 142), (216, 384), (64, 64)])
def test_a_crop_follows_its_path_between_pixels(wide, size):
    path = [(0.0, 0.5, 0.5), (1.0, 0.6, 0.5)]
    crop = Crop(wide, *size, path)
    zoom = max(size[0] / 192, size[1] / 96)
    for seconds in np.linspace(0, 1, 23):
        picture = crop.fit(frame_of(bar(0.55)), float(seconds))
        assert size_of(picture) == size
        expected = size[0] / 2 + (0.55 - (0.5 + 0.1 * seconds)) * 192 * zoom
        assert centroid(picture) == pytest.approx(expected, abs=0.35)


def test_a_crop_stays_inside_the_master(wide):
    for x, expected in ((0.0, 48), (1.0, 48)):
        picture = Crop(wide, 96, 96, [(0.0, x, 0.5)]).fit(frame_of(bar(0.25 if x == 0 else 0.75)), 0.0)
        assert centroid(picture) == pytest.approx(expected, abs=0.6)


def test_a_padded_clip_is_whole_and_centred_on_an_exact_colour(wide):
    picture = Pad(wide, 96, 96, (229, 50, 45)).fit(frame_of(bar(0.5)), 0.0)
    planes = planes_of(picture)
    assert centroid_of_rows(planes.y[24:72]) == pytest.approx(48, abs=0.3)
    assert [int(plane[0, 0]) for plane in planes] == [91, 108, 207]
    assert (planes.y[:24] == 91).all()
    assert (planes.y[72:] == 91).all()


def centroid_of_rows(luma: np.ndarray) -> float:
    level = luma.astype(float).mean(axis=0) - 16
    return float((level * (np.arange(len(level)) + 0.5)).sum() / level.sum())


def test_a_blurred_background_has_the_colours_of_the_clip_but_no_detail(wide):
    stripes = bar(0.5)
    planes_of(stripes).y[:] = np.where(np.arange(192) // 2 % 2, 200, 50)[None]
    picture = Pad(wide, 96, 192).fit(frame_of(stripes), 0.0)
    luma = planes_of(picture).y
    assert luma[:70].mean() == pytest.approx(125, abs=3)
    assert luma[:70, 10:-10].std() < 4
    assert luma[80:112].std() > 20


def test_a_native_clip_is_not_changed(film):
    [frame] = list(film.frames(FPS, 3, 4))
    picture = Crop(film, 96, 64).fit(frame, 0.0)
    assert (planes_of(picture).y == np.frombuffer(frame.planes[0], np.uint8).reshape(64, -1)[:, :96]).all()


def test_masters_without_bt709_are_converted(tmp_path):
    """A full-range film of one red, tagged so: the same red is in the picture."""
    import av

    path = tmp_path / "full.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        red = av.VideoFrame.from_ndarray(np.full((64, 64, 3), (229, 50, 45), np.uint8), format="rgb24")
        container.mux(stream.encode(red.reformat(format="yuvj420p", dst_colorspace="ITU601", dst_color_range="JPEG")))
        container.mux(stream.encode(None))
    [frame] = Master(path).frames(Fraction(24))
    planes = planes_of(Crop(Master(path), 64, 64).fit(frame, 0.0))
    assert [float(plane.mean()) for plane in planes] == pytest.approx([91, 108, 207], abs=2)


def test_memory_does_not_grow_with_the_length(tmp_path, monkeypatch):
    """Twelve times the frames, and a piece that is played backwards: the peak stays below the limit for kept frames."""
    frames = np.random.default_rng(0).integers(0, 256, (4, 54, 96, 3), dtype=np.uint8)
    encode(np.concatenate([frames] * 60), 24, tmp_path / "long.mp4", crf=30)
    master = Master(tmp_path / "long.mp4")
    plan = FramePlan(FPS, (Piece(0, 0, 240), Piece(0, 238, 239, -1)), 0, 0)
    picture = 192 * 108 * 3 // 2
    shot = FittedShot(master, Crop(master, 192, 108), picture)
    monkeypatch.setattr(footage_module, "KEPT_BYTES", 40 * picture)
    tracemalloc.start()
    assert sum(1 for _ in pictures_of(plan, [shot])) == 479
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 40 * picture < peak < 60 * picture
