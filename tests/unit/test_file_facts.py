"""Facts of files are measured, not read from a summary."""

from fractions import Fraction
from pathlib import Path

import pytest
from seeded_clips import Picture, Recipe, write_clip

from adapters.media.compose.mux import CaptionTrack, mux
from adapters.media.file_facts import measure
from adapters.media.soundtrack.long_loudness import measure_long_file
from adapters.media.soundtrack.loudness import measure_file
from adapters.media.video_frames import frames_at
from adapters.presets.placements import load_presets
from manifests.errors import EncodingError
from manifests.finish.cue import Cue
from tasks.finish.fix import fix_file

CLIP = Recipe(Picture(320, 180, seconds=2))


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "ts", "flv", "3gp"])
def test_containers_have_the_names_of_presets(container: str, tmp_path: Path) -> None:
    facts = measure(write_clip(CLIP.changed(container=container), tmp_path))
    assert (facts.container, facts.codec, facts.width, facts.height) == (container, "h264", 320, 180)
    assert facts.constant_fps
    assert facts.duration_s == pytest.approx(2, abs=0.05)
    assert facts.loudness_lufs == pytest.approx(-14, abs=0.3)


def test_webm_is_not_any_matroska_file(tmp_path: Path) -> None:
    vp9 = CLIP.changed(codec="libvpx-vp9", container="webm", audio_codec="libopus")
    facts = measure(write_clip(vp9, tmp_path))
    assert (facts.container, facts.codec, facts.audio_codec) == ("webm", "vp9", "opus")
    assert facts.constant_fps, "WebM rounds times to milliseconds"
    assert measure(write_clip(vp9.changed(container="mkv"), tmp_path)).container == "mkv"


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(60)])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_constant_and_variable_frame_rates(fps: Fraction, container: str, tmp_path: Path) -> None:
    clip = CLIP.changed(fps=fps, container=container)
    assert measure(write_clip(clip, tmp_path)).constant_fps
    assert not measure(write_clip(clip.changed(is_variable=True), tmp_path, "variable")).constant_fps


def test_pixels_that_are_not_square_change_the_displayed_ratio(tmp_path: Path) -> None:
    facts = measure(write_clip(CLIP.changed(width=240, aspect=Fraction(4, 3)), tmp_path))
    assert (facts.width, facts.sample_aspect) == (240, Fraction(4, 3))
    assert facts.display_ratio == pytest.approx(16 / 9)


def test_bitrate_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path = write_clip(CLIP.changed(kbps=1000), tmp_path)
    facts = measure(path)
    assert facts.kbps == pytest.approx(path.stat().st_size * 8 / 2 / 1000)
    assert measure(write_clip(CLIP.changed(padded_to=10**9), tmp_path, "padded")).kbps == pytest.approx(4_000_000)


def test_captions_are_found_in_the_file_and_next_to_it(tmp_path: Path) -> None:
    source, out = write_clip(CLIP, tmp_path), tmp_path / "ad.mp4"
    mux(source, out, None, CaptionTrack([Cue(0.1, 0.9, "Hallo")], "deu"))
    (tmp_path / "ad.de.vtt").write_text("WEBVTT\n")
    (tmp_path / "other.srt").write_text("")
    facts = measure(out)
    assert facts.caption_tracks == ("deu",)
    assert facts.caption_files == ("vtt",)
    assert measure(out, caption_files=("srt",)).caption_files == ("srt",)
    assert not facts.has_audio


def test_silence_has_no_loudness(tmp_path: Path) -> None:
    facts = measure(write_clip(CLIP.changed(level=0.0), tmp_path))
    assert facts.has_audio
    assert (facts.loudness_lufs, facts.true_peak_dbtp) == (None, None)


@pytest.mark.parametrize("level", [0.2, 0.02, 0.0])
def test_long_files_have_the_loudness_of_short_ones(level: float, tmp_path: Path) -> None:
    path = write_clip(CLIP.changed(level=level, peak=0.9 if level else 0, audio_codec="libmp3lame"), tmp_path)
    long, short = measure_long_file(path), measure_file(path)
    if level:
        assert long.lufs == pytest.approx(short.lufs, abs=0.02)
        assert long.true_peak_dbtp == pytest.approx(short.true_peak_dbtp, abs=0.05)
    else:
        assert (long.lufs, long.true_peak_dbtp) == (short.lufs, short.true_peak_dbtp) == (None, None)


def test_a_file_of_more_than_ten_minutes_is_measured(tmp_path: Path) -> None:
    facts = measure(write_clip(Recipe(Picture(64, 36, Fraction(1, 2), seconds=640)), tmp_path))
    assert facts.loudness_lufs == pytest.approx(-14, abs=0.3)
    assert facts.pixel_format == "yuv420p"


@pytest.mark.parametrize("content", [b"", b"no video", b"\x00" * 4096, b"\x00\x00\x00\x18ftypisom"])
def test_other_files_are_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    with pytest.raises(EncodingError, match=r"x\.mp4"):
        measure(tmp_path / "x.mp4")
    with pytest.raises(EncodingError, match="No such file"):
        measure(tmp_path / "none.mp4")


def test_a_truncated_file_is_not_measured_as_a_shorter_one(tmp_path: Path) -> None:
    path = write_clip(CLIP, tmp_path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(EncodingError, match="truncated"):
        measure(path)


def turned(path: Path) -> Path:
    """Change the display matrix of an MP4, so that players rotate it by a quarter."""
    data = path.read_bytes()
    identity = b"\0\1\0\0" + bytes(12) + b"\0\1\0\0" + bytes(12) + b"\x40\0\0\0"
    quarter = bytes(4) + b"\0\1\0\0" + bytes(4) + b"\xff\xff\0\0" + bytes(16) + b"\x40\0\0\0"
    place = data.index(identity, data.index(b"tkhd"))
    path.write_bytes(data[:place] + quarter + data[place + len(identity) :])
    return path


def test_a_rotated_file_is_measured_and_fixed_as_it_is_displayed(tmp_path: Path) -> None:
    source = turned(write_clip(Recipe(Picture(320, 180), level=0.05), tmp_path))
    facts = measure(source)
    assert (facts.width, facts.height, facts.is_rotated) == (180, 320, True)
    result = fix_file(source, load_presets()["meta-reels"], tmp_path / "fixed.mp4")
    assert [violation.rule for violation in result.fixed] == ["loudness"]
    fixed = measure(tmp_path / "fixed.mp4")
    assert (fixed.width, fixed.height, fixed.is_rotated) == (180, 320, False)
    before, after = (frames_at(path, [12])[0].mean(axis=2) for path in (source, tmp_path / "fixed.mp4"))
    assert abs(before - after).max() < 4
