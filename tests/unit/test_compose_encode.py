"""Encoding of deliverables: the same bytes, bitrate limits, equal lengths of sound and pictures, and caption tracks."""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.media.compose.encoder import encode_pictures
from adapters.media.compose.mux import CaptionTrack, mux
from adapters.media.compose.yuv import filled, planes_of
from adapters.media.video_facts import probe
from manifests.errors import EncodingError
from manifests.finish.bitrate import AUDIO_KBPS, CREDENTIAL_BYTES, Measured, RateControl, next_rate
from manifests.finish.cue import Cue
from manifests.finish.texts.language_codes import iso_639_2
from manifests.placements.preset import FrameSize, PlacementPreset

FPS = Fraction(25)


def preset(**limits) -> PlacementPreset:
    return PlacementPreset(name="p", title="P", sizes={"16:9": FrameSize(width=320, height=180)}, **limits)


def noisy(number: int, size: tuple[int, int] = (160, 96)) -> list[np.ndarray]:
    width, height = size
    return list(np.random.default_rng(0).integers(0, 255, (number, height * 3 // 2, width), dtype=np.uint8))


def attempts(pictures: list[np.ndarray], limits: PlacementPreset, out: Path) -> Measured:
    """Encode as ``tasks.finish`` does."""
    rate = RateControl()
    for _ in range(3):
        encode_pictures(pictures, FPS, rate, out)
        made = Measured(out.stat().st_size, len(pictures) / 25)
        rate = next_rate(rate, made, limits, 0)
        if rate is None:
            return made
    raise AssertionError(f"Still outside the limits: {made}")


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    for rate in (RateControl(), RateControl(None, 500, True), RateControl(None, 800)):
        files = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
        for out in files:
            encode_pictures(noisy(12), FPS, rate, out)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_file_has_the_properties_that_platforms_require(tmp_path):
    encode_pictures(noisy(10, (170, 98)), Fraction(30000, 1001), RateControl(), tmp_path / "out.mp4")
    facts = probe(tmp_path / "out.mp4")
    assert (facts.codec, facts.profile, facts.pix_fmt, facts.faststart) == ("h264", "High", "yuv420p", True)
    assert (facts.primaries, facts.transfer, facts.matrix, facts.full_range) == (1, 1, 1, False)
    assert (facts.width, facts.height, facts.num_frames, facts.fps) == (170, 98, 10, Fraction(30000, 1001))


def test_a_flat_still_reaches_the_bitrate_floor(tmp_path):
    flat = [filled(320, 180, (200, 30, 60))] * 125
    plain = encode_pictures(flat, FPS, RateControl(), tmp_path / "plain.mp4")
    assert Measured((tmp_path / "plain.mp4").stat().st_size, plain / 25).kbps < 50
    assert 516 <= attempts(flat, preset(min_kbps=516), tmp_path / "out.mp4").kbps < 620
    assert 2500 <= attempts(flat, preset(min_kbps=2500), tmp_path / "out.mp4").kbps < 3000


def test_a_noisy_film_stays_below_the_ceiling(tmp_path):
    made = attempts(noisy(50), preset(max_kbps=1500), tmp_path / "out.mp4")
    assert made.kbps + CREDENTIAL_BYTES * 8 / 2 / 1000 <= 1500


def test_a_noisy_film_stays_below_the_file_size(tmp_path):
    assert attempts(noisy(50), preset(max_bytes=400_000), tmp_path / "out.mp4").size <= 400_000 - CREDENTIAL_BYTES


@given(st.floats(100, 3000), st.floats(1.2, 5), st.integers(10_000, 10_000_000), st.floats(1, 60))
def test_rates_aim_inside_the_limits(low, span, size, seconds):
    limits = preset(min_kbps=low, max_kbps=low * span + CREDENTIAL_BYTES * 8 / seconds / 1000)
    made = Measured(size, seconds)
    rate = next_rate(RateControl(), made, limits, AUDIO_KBPS)
    if low <= made.kbps <= low * span:
        assert rate is None
    else:
        assert rate.is_constant == (made.kbps < low)
        assert rate.kbps + AUDIO_KBPS <= max(low * span, AUDIO_KBPS + 100)
        assert rate.kbps + AUDIO_KBPS >= min(low, low * span * 0.95) - 1


def sound(seconds: Fraction) -> np.ndarray:
    time = np.arange(round(seconds * 48_000)) / 48_000
    return np.stack([np.sin(2 * np.pi * 440 * time)] * 2).astype(np.float32) * 0.3


@pytest.mark.parametrize(
    ("number", "fps"),
    [(25, Fraction(25)), (41, Fraction(24)), (100, Fraction(60)), (37, Fraction(30000, 1001)), (9, Fraction(8))],
)
def test_sound_and_pictures_have_the_same_length_and_start_together(tmp_path, number, fps):
    encode_pictures(noisy(number, (32, 32)), fps, RateControl(), tmp_path / "silent.mp4")
    samples = sound(number / fps)
    samples[:, : 48_000 // 10] = 0
    mux(tmp_path / "silent.mp4", tmp_path / "out.mp4", samples, language="deu")
    with av.open(str(tmp_path / "out.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert abs(video.duration * video.time_base - audio.duration * audio.time_base) < 1 / fps
        assert audio.metadata["language"] == "deu"
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
        decoded = np.concatenate(parts, axis=1)
    assert abs(decoded.shape[1] / 48_000 - number / fps) < min(1 / fps, 0.011)
    loud = int(np.flatnonzero(np.abs(decoded[0]) > 0.1)[0])
    assert loud == pytest.approx(4800, abs=60)
    with av.open(str(tmp_path / "out.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([float(index / fps) for index in range(number)], abs=1e-4)


def test_muxing_gives_the_same_bytes_and_leaves_the_pictures_as_they_are(tmp_path):
    encode_pictures(noisy(25), FPS, RateControl(), tmp_path / "silent.mp4")
    cues = CaptionTrack([Cue(0.2, 0.5, "a")], "deu")
    for name in ("a.mp4", "b.mp4"):
        mux(tmp_path / "silent.mp4", tmp_path / name, sound(Fraction(1)), cues, "deu")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    with av.open(str(tmp_path / "silent.mp4")) as one, av.open(str(tmp_path / "a.mp4")) as other:
        pairs = itertools.zip_longest(one.demux(video=0), other.demux(video=0))
        assert all(bytes(left) == bytes(right) and left.pts == right.pts for left, right in pairs)
    assert probe(tmp_path / "a.mp4").faststart


def test_captions_are_a_track_with_their_language_and_times(tmp_path):
    encode_pictures(noisy(75, (32, 32)), FPS, RateControl(), tmp_path / "silent.mp4")
    cues = [Cue(0.5, 1.25, "Grüße 👋"), Cue(1.25, 2.0, "zwei\nZeilen"), Cue(2.4, 3.0, "مرحبا")]
    mux(tmp_path / "silent.mp4", tmp_path / "out.mp4", None, CaptionTrack(cues, iso_639_2("de-AT")))
    with av.open(str(tmp_path / "out.mp4")) as container:
        track = container.streams.subtitles[0]
        assert (track.codec_context.name, track.metadata["language"]) == ("mov_text", "deu")
        packets = [packet for packet in container.demux(track) if packet.size > 2]
        found = [
            Cue(
                float(packet.pts * packet.time_base),
                float((packet.pts + packet.duration) * packet.time_base),
                bytes(packet)[2 : 2 + int.from_bytes(bytes(packet)[:2], "big")].decode(),
            )
            for packet in packets
        ]
    assert found == cues
    assert probe(tmp_path / "out.mp4").num_frames == 75


def test_a_film_without_pictures_or_with_wrong_sound_is_an_error(tmp_path):
    with pytest.raises(EncodingError, match="no pictures"):
        encode_pictures([], FPS, RateControl(), tmp_path / "out.mp4")
    encode_pictures(noisy(2), FPS, RateControl(), tmp_path / "silent.mp4")
    with pytest.raises(EncodingError, match="channels"):
        mux(tmp_path / "silent.mp4", tmp_path / "out.mp4", np.zeros((3, 100), np.float32))
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("locale", "code"), [("de", "deu"), ("pt-BR", "por"), ("ar_EG", "ara"), ("yue", "yue"), ("", "und"), ("x", "und")]
)
def test_language_codes_of_tracks(locale, code):
    assert iso_639_2(locale) == code


def test_planes_are_views_of_a_picture_of_any_even_size():
    picture = filled(34, 26, (0, 0, 0))
    planes = planes_of(picture)
    planes.v[-1, -1] = 7
    assert picture.reshape(-1)[-1] == 7
    assert planes.y.shape == (26, 34)
    assert planes.u.shape == (13, 17)
